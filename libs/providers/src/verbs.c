#include "providers/verbs.h"

#include "base/vec.h"

/* What has been learnt of one calendar so far. */
struct joined {
    VEC(struct calendar_span) spans;
    enum err_code code;
    struct str reason;
};

static void add_piece(struct joined *to, const struct provider_busy *piece)
{
    if (piece->code != ERR_OK) {
        if (to->code == ERR_OK) {
            to->code = piece->code;
            to->reason = piece->reason;
        }
        return;
    }
    for (size_t i = 0; i < piece->span_count; i++) {
        vec_push(&to->spans, piece->spans[i]);
    }
}

/* All windows of the calendars [at, at + count). */
static CO_FN enum err_code ask_chunk(const struct provider *provider, struct provider_session *s,
                                     const struct provider_free_busy_req *req, size_t at,
                                     size_t count, int64_t deadline, struct arena *arena,
                                     struct joined *joined, struct err *err)
{
    struct provider_busy *pieces = ARENA_ARRAY(arena, struct provider_busy, count);
    for (int64_t from = req->time_min; from < req->time_max; from += provider->free_busy_span_ms) {
        struct provider_free_busy_req piece = {
            .calendar_ids = req->calendar_ids + at,
            .calendar_count = count,
            .time_min = from,
            .time_max = MIN(req->time_max, from + provider->free_busy_span_ms),
        };
        enum err_code rc = provider->free_busy(s, &piece, deadline, arena, pieces, err);
        if (rc != ERR_OK) {
            return rc;
        }
        for (size_t i = 0; i < count; i++) {
            add_piece(&joined[at + i], &pieces[i]);
        }
    }
    return ERR_OK;
}

static struct provider_busy join(struct str calendar_id, struct joined *from, struct arena *arena)
{
    if (from->code != ERR_OK) {
        return (struct provider_busy){
            .calendar_id = calendar_id, .code = from->code, .reason = from->reason};
    }
    /* An event over the edge of two windows comes in two halves that touch: merging heals it. */
    struct calendar_span *spans = ARENA_ARRAY(arena, struct calendar_span, from->spans.len * 2);
    if (from->spans.len > 0) {
        memcpy(spans, from->spans.ptr, from->spans.len * sizeof *spans);
    }
    size_t count = calendar_spans_merge(spans, from->spans.len);
    return (struct provider_busy){.calendar_id = calendar_id, .spans = spans, .span_count = count};
}

enum err_code provider_free_busy(const struct provider *provider, struct provider_session *s,
                                 const struct provider_free_busy_req *req, int64_t deadline,
                                 struct arena *arena, struct provider_busy *ret_busy,
                                 struct err *err)
{
    BUG_ON(provider->free_busy_max == 0 || provider->free_busy_span_ms <= 0);
    if (req->time_min >= req->time_max || req->time_min < CALENDAR_MIN_AT ||
        req->time_max > CALENDAR_MAX_AT) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "a free/busy window that is none");
    }
    struct joined *joined = ARENA_ARRAY(arena, struct joined, req->calendar_count);
    enum err_code rc = ERR_OK;
    for (size_t at = 0; rc == ERR_OK && at < req->calendar_count; at += provider->free_busy_max) {
        size_t count = MIN(provider->free_busy_max, req->calendar_count - at);
        rc = ask_chunk(provider, s, req, at, count, deadline, arena, joined, err);
    }
    for (size_t i = 0; i < req->calendar_count; i++) {
        if (rc == ERR_OK) {
            ret_busy[i] = join(req->calendar_ids[i], &joined[i], arena);
        }
        vec_fini(&joined[i].spans);
    }
    return rc;
}
