#include "google/mapping.h"
#include "google_int.h"

#include <stdio.h>

/* src: https://developers.google.com/workspace/calendar/api/guides/push */
#define CHANNEL_ID_MAX 64
#define CHANNEL_TOKEN_MAX 256
#define BODY_MAX_BYTES ((size_t)16 << 10)

static struct str take(struct buf *out, struct arena *arena)
{
    struct str text = out->failed ? (struct str){0} : arena_str(arena, buf_str(out));
    buf_fini(out);
    return text;
}

static struct str watch_body(const struct provider_watch_req *req, int64_t life_s,
                             struct arena *arena)
{
    char ttl[24];
    snprintf(ttl, sizeof ttl, "%lld", (long long)life_s);
    struct buf out;
    buf_init(&out, BODY_MAX_BYTES);
    struct json_writer w = {.out = &out};
    json_open(&w, '{');
    json_member_str(&w, "id", req->channel_id);
    json_member_c(&w, "type", "web_hook");
    json_member_str(&w, "address", req->address);
    json_member_str(&w, "token", req->secret);
    json_key(&w, "params");
    json_open(&w, '{');
    json_member_c(&w, "ttl", ttl);
    json_close(&w, '}');
    json_close(&w, '}');
    return take(&out, arena);
}

enum err_code google_watch(struct provider_session *s, const struct provider_watch_req *req,
                           int64_t deadline, struct arena *arena,
                           struct provider_channel *ret_channel, struct err *err)
{
    int64_t life_s = (req->expires_at - co_wall_now()) / 1000;
    if (req->channel_id.len == 0 || req->channel_id.len > CHANNEL_ID_MAX ||
        req->secret.len > CHANNEL_TOKEN_MAX || life_s <= 0) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "a channel's id, secret or end");
    }
    struct google_url url;
    google_url_init(&url, s);
    google_url_segment(&url, "/calendars");
    google_url_id(&url, req->calendar_id);
    google_url_segment(&url, "/events/watch");
    struct provider_call call = {
        .verb = "google.watch",
        .method = "POST",
        .body = watch_body(req, life_s, arena),
        .writes = true,
        .deadline = deadline,
        .classify = google_classify,
    };
    enum err_code rc = google_url_take(&url, arena, &call.url, err);
    if (rc == ERR_OK && call.body.ptr == NULL) {
        rc = ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "a channel's address is too long");
    }
    const struct json *body = NULL;
    if (rc == ERR_OK) {
        rc = provider_transport_json(s, &call, arena, &body, err);
    }
    return rc == ERR_OK ? google_channel_read(body, ret_channel, err) : rc;
}

enum err_code google_unwatch(struct provider_session *s, const struct provider_channel *channel,
                             int64_t deadline, struct err *err)
{
    struct arena arena;
    arena_init(&arena);
    struct buf out;
    buf_init(&out, BODY_MAX_BYTES);
    struct json_writer w = {.out = &out};
    json_open(&w, '{');
    json_member_str(&w, "id", channel->channel_id);
    json_member_str(&w, "resourceId", channel->resource_id);
    json_close(&w, '}');
    struct google_url url;
    google_url_init(&url, s);
    google_url_segment(&url, "/channels/stop");
    struct provider_call call = {
        .verb = "google.unwatch",
        .method = "POST",
        .body = take(&out, &arena),
        .deadline = deadline,
        .classify = google_classify,
    };
    struct http_response response;
    enum err_code rc = google_url_take(&url, &arena, &call.url, err);
    if (rc == ERR_OK) {
        rc = provider_transport(s, &call, &arena, &response, err);
    }
    arena_fini(&arena);
    /* Unknown, expired, or of a grant that is dead: it brings nothing any more, or ends by itself
     * within its week; nobody could stop it later either. */
    bool done = rc == ERR_NOT_FOUND || rc == ERR_GONE || rc == ERR_AUTH;
    return done ? ERR_OK : rc;
}
