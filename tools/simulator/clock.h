/* The simulator's time: the system's, moved by an offset that tests set, so that tokens, channels
 * and quotas expire without waiting; fixed in unit tests. */
#ifndef SIMULATOR_CLOCK_H
#define SIMULATOR_CLOCK_H

#include <stdint.h>

struct sim_clock {
    int64_t offset_ms;
    int64_t (*wall)(void); /* UTC ms */
};

static inline int64_t sim_clock_now(const struct sim_clock *c)
{
    return c->wall() + c->offset_ms;
}

#endif
