/* Whether a calendar's stored spans may be taken for what the provider would say. Pure. */
#ifndef FREEBUSY_FRESHNESS_H
#define FREEBUSY_FRESHNESS_H

#include "snapshot.h"

/* A calendar whose push is trusted is read at least so often; beyond it, silence proves nothing. */
#define FB_PUSH_TRUST_MS (12 * INT64_C(3600000))

enum fb_state {
    FB_FRESH,      /* stored spans are the answer */
    FB_ASK,        /* stale, parked or uncovered: the provider has to be asked */
    FB_PAUSED,     /* its owner paused it: not to be asked */
    FB_UNREADABLE, /* to be authorised again: cannot be asked */
};

struct fb_window {
    int64_t from_at; /* UTC ms, half-open */
    int64_t to_at;
};

/* ret_code: the stable code of what is wrong, NULL where it is fresh. */
enum fb_state fb_freshness(const struct fb_connection *connection,
                           const struct fb_calendar *calendar, struct fb_window window,
                           int64_t interval_ms, int64_t now_at, const char **ret_code);

/* The stored spans are complete in the window, however old. */
bool fb_covers(const struct fb_calendar *calendar, struct fb_window window);

#endif
