/* The service that the simulator's router knows: which call, by whom, whether it may. */
#ifndef SIMULATOR_GOOGLE_GOOGLE_H
#define SIMULATOR_GOOGLE_GOOGLE_H

#include "simulator/google/model.h"

/* Whether the path is one of Google's. */
bool google_serves(struct str path);
/* The address of the person whose token the call carries; empty if none is known. */
struct str google_account(const struct google *g, const struct sim_request *rq);
/* Answers; undocumented parameters and members are appended to unknown, blank-separated. */
void google_handle(struct google *g, const struct sim_request *rq, struct sim_reply *rp,
                   struct buf *unknown);
/* The same as that person would do at the provider: no token, no quota, no scopes. The path begins
 * with /calendar/v3/. */
void google_handle_as(struct google *g, struct g_user *user, const struct sim_request *rq,
                      struct sim_reply *rp);
/* An error in Google's form: of a fault that was ordered. status 0 and reason NULL: the usual. */
void google_fault(struct google *g, const struct sim_request *rq, struct sim_reply *rp,
                  enum fault_kind kind, int status, const char *reason, int64_t retry_after_s);

#endif
