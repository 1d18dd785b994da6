/* What goes wrong on purpose: an ordered list of rules, each for some calls, some times.
 *
 * A rule is made of the JSON that POST /admin/faults takes:
 *   {"kind": "throttle", "path": "/calendar/v3", "contains": "/events", "method": "GET",
 *    "account": "ana@example.com", "next": 3, "percent": 100, "status": 429,
 *    "reason": "rateLimitExceeded", "retry_after_s": 2, "delay_ms": 0}
 * Only kind is required. next: how many calls it hits before it is gone; absent: until removed. */
#ifndef SIMULATOR_FAULT_H
#define SIMULATOR_FAULT_H

#include "simulator/message.h"
#include "simulator/tree.h"

/* name, whether it acts before the call is handled */
#define FAULT_KINDS(F)                                                                             \
    F(latency, 1)  /* delay_ms, then as usual; adds to other rules */                              \
    F(throttle, 1) /* status (403) and reason (rateLimitExceeded), retry_after_s where given */    \
    F(error, 1)    /* status (500) in the service's own error form */                              \
    F(dark, 1)     /* 503 without a body */                                                        \
    F(html, 1)     /* a proxy's page, status (502) */                                              \
    F(hang, 1)     /* nothing is done, nothing is answered */                                      \
    F(refuse, 1)   /* nothing is done, the connection is reset */                                  \
    F(reset, 0)    /* the call is done, then the connection is reset */                            \
    F(lost, 0)     /* the call is done, nothing is answered */                                     \
    F(truncate, 0) /* the call is done, half of the answer arrives */                              \
    F(garble, 0)   /* the call is done, the answer is a 200 whose JSON is cut in the middle */

#define FAULT_ENUM(name, before) FAULT_##name,
enum fault_kind { FAULT_KINDS(FAULT_ENUM) FAULT_KIND_COUNT };
#undef FAULT_ENUM

struct fault {
    int64_t id;
    enum fault_kind kind;
    char *path; /* prefix; NULL: any */
    char *contains;
    char *method;
    char *account;
    int64_t next; /* <0: without end */
    int64_t percent;
    int64_t status; /* 0: the kind's own */
    char *reason;
    int64_t retry_after_s; /* <0: none */
    int64_t delay_ms;
    int64_t hits;
    struct fault *follow;
};

struct faults {
    struct fault *first;
    int64_t last_id;
};

/* A new rule at the end of the list; its id, or 0 for an unknown kind or a member of the wrong
 * type. */
int64_t faults_add(struct faults *f, const json_t *rule);
bool faults_remove(struct faults *f, int64_t id);
void faults_clear(struct faults *f);
/* A new array with the rules and how often each one hit. */
json_t *faults_list(const struct faults *f);

struct fault_call {
    struct str method;
    struct str path; /* decoded is not needed: rules name plain prefixes */
    struct str account;
    uint32_t dice; /* 0..99 */
};

/* The rule that decides this call, or NULL; *ret_delay_ms gets the sum of the latencies. The
 * result may be gone after the next call of faults_*: copy what is needed. */
const struct fault *faults_match(struct faults *f, const struct fault_call *call,
                                 int64_t *ret_delay_ms);
/* After a match: takes one from its count, and removes a rule that is used up. */
void faults_hit(struct faults *f, int64_t id);

bool fault_acts_before(enum fault_kind kind);

#endif
