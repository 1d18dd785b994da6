#include "simulator/quota.h"

static void slide(struct quota_window *w, int64_t second)
{
    if (second - w->second >= QUOTA_SLICES) {
        *w = (struct quota_window){.second = second};
        return;
    }
    while (w->second < second) {
        w->second++;
        w->sum -= w->slices[w->second % QUOTA_SLICES];
        w->slices[w->second % QUOTA_SLICES] = 0;
    }
}

bool quota_take(struct quota_window *w, int64_t now_ms, int32_t cost, int64_t limit)
{
    slide(w, now_ms / 1000);
    if (w->sum + cost > limit) {
        return false;
    }
    w->slices[w->second % QUOTA_SLICES] += cost;
    w->sum += cost;
    return true;
}
