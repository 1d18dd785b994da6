/* The admin API: what tests and demonstrations order. JSON in, JSON out; README.md lists it. */
#ifndef SIMULATOR_ADMIN_H
#define SIMULATOR_ADMIN_H

#include "simulator/sim.h"

struct admin {
    struct sim *sim;
    const struct sim_request *rq;
    struct sim_reply *rp;
    json_t *body;       /* an object, or NULL */
    struct str args[4]; /* what stood in the place of each '*' of the route */
    size_t arg_count;
};

struct admin_route {
    const char *method;
    const char *path; /* after /admin/ */
    void (*handle)(struct admin *a);
};

void admin_handle(struct sim *s, const struct sim_request *rq, struct sim_reply *rp);

/* For the handlers; admin_reply takes tree. */
void admin_reply(struct admin *a, int status, json_t *tree);
void admin_fail(struct admin *a, int status, const char *why);
void admin_done(struct admin *a);

#endif
