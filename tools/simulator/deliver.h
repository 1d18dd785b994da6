/* Pushes over the network: one coroutine each, libs/http's client. */
#ifndef SIMULATOR_DELIVER_H
#define SIMULATOR_DELIVER_H

#include "runtime/co.h"
#include "simulator/sim.h"

struct deliver;

/* Becomes the sender of sim's pushes, and of its coalesced notifications. */
MUST_CHECK enum err_code deliver_new(struct co_loop *loop, struct sim *sim,
                                     struct deliver **ret_deliver, struct err *err);
/* Cancels what is on its way. */
CO_FN void deliver_free(struct deliver *d);

#endif
