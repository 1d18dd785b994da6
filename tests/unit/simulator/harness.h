/* One simulator without a network: requests are function calls, time is a number. */
#ifndef TEST_SIMULATOR_HARNESS_H
#define TEST_SIMULATOR_HARNESS_H

#include "simulator/google/model.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

struct harness {
    struct sim sim;
    struct arena arena;
    struct g_user *ana;
    const char *token; /* ana's, of the whole calendar scope; NULL: none is sent */
    /* of the last call */
    int status;
    json_t *answer;
    struct sim_reply reply;
    bool replied;
    const char *if_match; /* this and the next: sent with the next call, then forgotten */
    const char *content_type;
};

/* 2026-10-01T00:00:00Z */
#define HARNESS_START_AT INT64_C(1790812800000)

int harness_setup(void **state);
int harness_teardown(void **state);
void harness_advance(int64_t ms);

/* target: path and query; body: JSON or a form, NULL for none. Returns the status. */
int harness_call(struct harness *h, const char *method, const char *target, const char *body);
/* The same to ana's primary calendar: target is what follows .../events. */
int harness_events(struct harness *h, const char *method, const char *target, const char *body);
/* A member of the last answer, by path: "error.errors.0.reason"; "" if there is none. */
const char *harness_text(struct harness *h, const char *path);
json_t *harness_at(struct harness *h, const char *path);
size_t harness_count(struct harness *h, const char *path);
/* A header of the last answer, "" if there is none. */
const char *harness_header(struct harness *h, const char *name);
/* The reason of the last answer's error. */
const char *harness_reason(struct harness *h);
const char *harness_fmt(struct harness *h, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* An event of half an hour on that day of October 2026, at ten; asserts success. */
void harness_insert(struct harness *h, const char *id, int day);

#endif
