/* One event: read, created, changed, deleted. */
#include "google/mapping.h"
#include "google_int.h"

#define EVENT_MAX_BYTES ((size_t)4 << 20)
#define BODY_MAX_BYTES ((size_t)1 << 20)
/* src: https://developers.google.com/workspace/calendar/api/v3/reference/events/patch */
#define PATCH_COST 3

static struct google_url events_url(const struct provider_session *s, struct str calendar_id,
                                    struct str event_id)
{
    struct google_url url;
    google_url_init(&url, s);
    google_url_segment(&url, "/calendars");
    google_url_id(&url, calendar_id);
    google_url_segment(&url, "/events");
    if (event_id.len > 0) {
        google_url_id(&url, event_id);
    }
    return url;
}

static struct str notify_name(enum provider_notify notify)
{
    return notify == PROVIDER_NOTIFY_ALL ? STR("all") : STR("none");
}

enum err_code google_get(struct provider_session *s, struct str calendar_id, struct str event_id,
                         int64_t deadline, struct arena *arena, struct calendar_event *ret_event,
                         struct err *err)
{
    if (event_id.len == 0) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "an event without an id");
    }
    struct google_url url = events_url(s, calendar_id, event_id);
    struct str text;
    enum err_code rc = google_url_take(&url, arena, &text, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct provider_call call = {
        .verb = "google.get",
        .url = text,
        .deadline = deadline,
        .max_body_bytes = EVENT_MAX_BYTES,
        .classify = google_classify,
    };
    const struct json *body;
    rc = provider_transport_json(s, &call, arena, &body, err);
    return rc == ERR_OK ? google_event_read(body, arena, ret_event, err) : rc;
}

/* ---- put ------------------------------------------------------------------------------------ */

static enum err_code put_url(const struct provider_session *s, const struct provider_put_req *req,
                             struct arena *arena, struct str *ret_url, struct err *err)
{
    struct str id = req->etag.len > 0 ? req->event->id : (struct str){0};
    struct google_url url = events_url(s, req->calendar_id, id);
    google_url_query(&url, "sendUpdates", notify_name(req->notify));
    if (req->conference) {
        /* with 0, the default, conference data in the body is dropped in silence */
        google_url_query(&url, "conferenceDataVersion", STR("1"));
    }
    return google_url_take(&url, arena, ret_url, err);
}

/* The write was applied; an answer that cannot be mapped leaves its content in doubt, so that the
 * caller reads. */
static enum err_code read_back(const struct json *body, struct arena *arena,
                               struct calendar_event *ret_event, struct err *err)
{
    if (google_event_read(body, arena, ret_event, NULL) != ERR_OK) {
        return ERR_SET_ACT(err, ERR_IO, ERR_ACT_RETRY, "what was written came back unreadable");
    }
    return ERR_OK;
}

enum err_code google_put(struct provider_session *s, const struct provider_put_req *req,
                         int64_t deadline, struct arena *arena, struct calendar_event *ret_event,
                         struct err *err)
{
    bool patch = req->etag.len > 0;
    struct buf text;
    buf_init(&text, BODY_MAX_BYTES);
    enum err_code rc = google_event_write(req, &text, err);
    struct str body = arena_str(arena, buf_str(&text)), url;
    buf_fini(&text);
    if (rc == ERR_OK) {
        rc = put_url(s, req, arena, &url, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    struct provider_call call = {
        .verb = patch ? "google.patch" : "google.insert",
        .method = patch ? "PATCH" : "POST",
        .url = url,
        .body = body,
        .if_match = req->etag,
        .cost = patch ? PATCH_COST : 1,
        .writes = true,
        .deadline = deadline,
        .max_body_bytes = EVENT_MAX_BYTES,
        .classify = google_classify,
    };
    const struct json *answer;
    rc = provider_transport_json(s, &call, arena, &answer, err);
    return rc == ERR_OK ? read_back(answer, arena, ret_event, err) : rc;
}

/* ---- remove --------------------------------------------------------------------------------- */

/* A 404 is an event that never was, or a calendar that we no longer see: only the former is
 * "gone already". */
static CO_FN enum err_code check_calendar(struct provider_session *s, struct str calendar_id,
                                          int64_t deadline, struct arena *arena, struct err *err)
{
    struct google_url url;
    google_url_init(&url, s);
    google_url_segment(&url, "/users/me/calendarList");
    google_url_id(&url, calendar_id);
    struct str text;
    enum err_code rc = google_url_take(&url, arena, &text, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct provider_call call = {
        .verb = "google.get_calendar",
        .url = text,
        .deadline = deadline,
        .classify = google_classify,
    };
    const struct json *body;
    return provider_transport_json(s, &call, arena, &body, err);
}

enum err_code google_remove(struct provider_session *s, const struct provider_remove_req *req,
                            int64_t deadline, struct err *err)
{
    if (req->event_id.len == 0) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "an event without an id");
    }
    struct google_url url = events_url(s, req->calendar_id, req->event_id);
    google_url_query(&url, "sendUpdates", notify_name(req->notify));
    struct arena arena;
    arena_init(&arena);
    struct provider_call call = {
        .verb = "google.delete",
        .method = "DELETE",
        .if_match = req->etag,
        .writes = true,
        .deadline = deadline,
        .classify = google_classify,
    };
    struct http_response response;
    enum err_code rc = google_url_take(&url, &arena, &call.url, err);
    if (rc == ERR_OK) {
        rc = provider_transport(s, &call, &arena, &response, err);
    }
    if (rc == ERR_NOT_FOUND) {
        rc = check_calendar(s, req->calendar_id, deadline, &arena, err);
    } else if (rc == ERR_GONE) {
        rc = ERR_OK;
    }
    arena_fini(&arena);
    return rc;
}
