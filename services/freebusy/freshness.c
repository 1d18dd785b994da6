#include "freshness.h"

bool fb_covers(const struct fb_calendar *c, struct fb_window w)
{
    return c->covered && c->covered_from <= w.from_at && c->covered_to >= w.to_at;
}

/* Push tells of every change: a channel is open, and nothing was found since that it had missed. */
static bool push_healthy(const struct fb_calendar *c, int64_t now_at)
{
    return c->watched_until > now_at &&
           (c->push_missed_at == 0 || c->push_missed_at < c->last_read_at) &&
           now_at - c->last_read_at <= FB_PUSH_TRUST_MS;
}

enum fb_state fb_freshness(const struct fb_connection *connection, const struct fb_calendar *c,
                           struct fb_window window, int64_t interval_ms, int64_t now_at,
                           const char **ret_code)
{
    if (!connection->active) {
        *ret_code = "unreadable";
        return FB_UNREADABLE;
    }
    if (!connection->enabled) {
        *ret_code = "paused";
        return FB_PAUSED;
    }
    if (c->last_read_at == 0) {
        *ret_code = "not_read_yet";
        return FB_ASK;
    }
    if (!fb_covers(c, window)) {
        *ret_code = "uncovered";
        return FB_ASK;
    }
    if (c->parked || connection->account_parked_until > now_at) {
        *ret_code = "parked";
        return FB_ASK;
    }
    /* One poll may be missed or late without a doubt about the answer, not two. */
    if (now_at - c->last_read_at > 2 * interval_ms && !push_healthy(c, now_at)) {
        *ret_code = "stale";
        return FB_ASK;
    }
    *ret_code = NULL;
    return FB_FRESH;
}
