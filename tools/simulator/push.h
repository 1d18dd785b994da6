/* Notifications on their way out: what is lost, late, doubled; retries with back-off.
 *
 * The providers decide what is sent to whom; here is only the delivery. One notification is a POST
 * without a redirect. Answers 200, 201, 202, 204 and 102 end it, 500, 502, 503 and 504 are tried
 * again, anything else drops it. */
#ifndef SIMULATOR_PUSH_H
#define SIMULATOR_PUSH_H

#include "simulator/message.h"
#include "simulator/tree.h"

#define PUSH_HEADERS_MAX 12
#define PUSH_ATTEMPTS 6
#define PUSH_WAITING_MAX 20000 /* more are dropped and counted */

struct push {
    char *address;
    struct sim_header headers[PUSH_HEADERS_MAX]; /* in the arena */
    size_t header_count;
    struct str body;
    struct arena arena;
    int64_t delay_ms;
    int attempt;
};

struct push_settings {
    int64_t drop_percent;
    int64_t drop_next;
    int64_t delay_ms;
    int64_t reorder_ms; /* each is late by up to this much more */
    int64_t duplicate_percent;
    int64_t duplicate_next;
    int64_t coalesce_ms;
    int64_t backoff_ms; /* before the first retry; doubles */
};

struct pushes {
    struct push_settings settings;
    int64_t sent; /* handed to the network, attempts included */
    int64_t delivered;
    int64_t dropped; /* by a rule */
    int64_t refused; /* by the receiver, or given up */
    size_t waiting;
    /* Starts one attempt after push->delay_ms, takes ownership; ends in push_done. NULL: nobody
     * delivers, pushes end here. */
    void (*start)(void *arg, struct push *push);
    void *start_arg;
};

void pushes_init(struct pushes *p);
void pushes_reset(struct pushes *p);

struct push *push_new(const char *address);
void push_free(struct push *push);
void push_header(struct push *push, const char *name, struct str value);

/* Takes push and applies the settings; dice: for the percentages. */
void pushes_send(struct pushes *p, struct push *push, uint32_t dice);
/* status 0: no answer. Takes push: frees it or starts the next attempt. */
void push_done(struct pushes *p, struct push *push, int status);

/* Reads the members that are there. */
void push_settings_read(struct push_settings *s, const json_t *from);
json_t *pushes_tree(const struct pushes *p);

#endif
