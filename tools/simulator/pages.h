/* Pages for people: the calendars (/), and a stand-in for the host's app (/app). */
#ifndef SIMULATOR_PAGES_H
#define SIMULATOR_PAGES_H

#include "simulator/sim.h"

void pages_handle(struct sim *s, const struct sim_request *rq, struct sim_reply *rp);

#endif
