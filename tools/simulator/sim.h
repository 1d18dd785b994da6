/* The whole simulator: time, faults, journal, pushes and the providers behind one address. */
#ifndef SIMULATOR_SIM_H
#define SIMULATOR_SIM_H

#include "simulator/clock.h"
#include "simulator/fault.h"
#include "simulator/journal.h"
#include "simulator/message.h"
#include "simulator/push.h"

struct google;

struct sim_settings {
    const char *public_url;   /* without a slash at the end; what the pages and push URIs name */
    int64_t token_ttl_s;      /* of access tokens */
    bool allow_http_webhooks; /* to loopback */
    uint64_t seed;
};

struct sim {
    struct sim_settings settings;
    struct sim_clock clock;
    struct faults faults;
    struct journal journal;
    struct pushes pushes;
    struct google *google;
    uint64_t random; /* state of sim_random */
};

/* wall: UTC ms. The settings' texts must live as long. */
void sim_init(struct sim *s, const struct sim_settings *settings, int64_t (*wall)(void));
void sim_fini(struct sim *s);
/* As at start, without accounts; connections and what is on its way stay. */
void sim_reset(struct sim *s);

int64_t sim_now(const struct sim *s);
/* From the seed, so that a run can be repeated; never for secrets. */
uint32_t sim_random(struct sim *s);

/* Answers one call: faults, journal, the service that the path belongs to. rp is initialised. */
void sim_handle(struct sim *s, const struct sim_request *rq, struct sim_reply *rp);

#endif
