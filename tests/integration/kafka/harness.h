/* For tests against real brokers: the shared one of scripts/stack, or a private stack where a test
 * stops or kills one. */
#ifndef KAFKA_HARNESS_H
#define KAFKA_HARNESS_H

#include "kafka/admin.h"
#include "kafka/client.h"
#include "kafka/producer.h"
#include "runtime/co.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

/* The shared broker; skips the test where there is none. */
struct kafka_cluster shared_cluster(void);

/* Runs body(arg) as the root coroutine of a fresh loop. The checks of cmocka leave by longjmp,
 * which no coroutine survives: in a body use EXPECT, and look at the result after in_loop()
 * returned. */
void in_loop(void (*body)(void *arg), void *arg);

extern int expect_failures;
void expect_failed(const char *file, int line, const char *what, const struct err *err);
#define EXPECT(cond, err)                                                                          \
    do {                                                                                           \
        if (!(cond)) {                                                                             \
            expect_failed(__FILE__, __LINE__, #cond, (err));                                       \
        }                                                                                          \
    } while (0)

/* A topic name of this process and test. */
const char *fresh_name(const char *what);
CO_FN void make_topic(const struct kafka_cluster *cluster, const char *name, int32_t partitions);
CO_FN void send_text(struct kafka_producer *p, const char *topic, int32_t partition,
                     const char *key, const char *text);
/* Waits until cond(arg), at most so long; false if it never came. */
CO_FN bool wait_until(bool (*cond)(void *arg), void *arg, int64_t ms);

/* ---- a private stack ----------------------------------------------------------------------------
 */

struct stack {
    char dir[256];
    int port;
    int brokers;
    char bootstrap[128];
    struct kafka_cluster cluster;
};

/* Skips the test where Java is absent. One at a time; stack_teardown ends it, also after a failed
 * test. */
void stack_up(struct stack *s, int brokers);
void stack_down(void);
int stack_teardown(void **state);
#define test_with_stack(f) cmocka_unit_test_setup_teardown(f, NULL, stack_teardown)
/* broker: 1.. */
void stack_signal(struct stack *s, int broker, int sig);
/* Starts again what is not running and waits until it answers. */
void stack_restart(struct stack *s);
/* True if a file of the brokers' data holds these bytes. */
bool stack_log_holds(const char *dir, struct str needle);

/* Runs a program, waits; its exit code, -1 if it did not exit. */
int run_program(const char *const argv[]);

#endif
