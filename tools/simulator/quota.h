/* A sliding window of one minute, in slices of one second: 60 numbers, no list of calls. */
#ifndef SIMULATOR_QUOTA_H
#define SIMULATOR_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#define QUOTA_SLICES 60

struct quota_window {
    int64_t second; /* of the newest slice */
    int64_t sum;
    int32_t slices[QUOTA_SLICES];
};

/* Counts cost at now_ms if the window then holds at most limit; false, and nothing counted, where
 * it would be more. A clock that jumps back counts into the newest slice. */
bool quota_take(struct quota_window *w, int64_t now_ms, int32_t cost, int64_t limit);

#endif
