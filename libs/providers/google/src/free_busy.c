#include "google/mapping.h"
#include "google_int.h"

/* 50 calendars of a month, each full of short events. */
#define ANSWER_MAX_BYTES ((size_t)8 << 20)
#define QUESTION_MAX_BYTES ((size_t)256 << 10)

static struct str question(const struct provider_free_busy_req *req, struct arena *arena)
{
    struct buf out, time;
    buf_init(&out, QUESTION_MAX_BYTES);
    buf_init(&time, 64);
    struct json_writer w = {.out = &out};
    json_open(&w, '{');
    calendar_print_rfc3339(req->time_min, &time);
    json_member_str(&w, "timeMin", buf_str(&time));
    buf_reset(&time);
    calendar_print_rfc3339(req->time_max, &time);
    json_member_str(&w, "timeMax", buf_str(&time));
    json_member_c(&w, "timeZone", "UTC");
    json_member_i64(&w, "calendarExpansionMax", (int64_t)req->calendar_count);
    json_key(&w, "items");
    json_open(&w, '[');
    for (size_t i = 0; i < req->calendar_count; i++) {
        json_open(&w, '{');
        json_member_str(&w, "id", req->calendar_ids[i]);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    struct str text = out.failed ? (struct str){0} : arena_str(arena, buf_str(&out));
    buf_fini(&time);
    buf_fini(&out);
    return text;
}

/* By the id as asked; addresses come back in another case at times. */
static const struct json *find_calendar(const struct json *calendars, struct str id)
{
    const struct json *near = NULL;
    json_foreach(calendar, calendars)
    {
        if (str_eq(calendar->key, id)) {
            return calendar;
        }
        near = near == NULL && str_eq_nocase(calendar->key, id) ? calendar : near;
    }
    return near;
}

enum err_code google_free_busy(struct provider_session *s, const struct provider_free_busy_req *req,
                               int64_t deadline, struct arena *arena,
                               struct provider_busy *ret_busy, struct err *err)
{
    struct google_url url;
    google_url_init(&url, s);
    google_url_segment(&url, "/freeBusy");
    struct provider_call call = {
        .verb = "google.free_busy",
        .method = "POST",
        .body = question(req, arena),
        .deadline = deadline,
        .max_body_bytes = ANSWER_MAX_BYTES,
        .classify = google_classify,
    };
    enum err_code rc = google_url_take(&url, arena, &call.url, err);
    if (rc == ERR_OK && call.body.ptr == NULL) {
        rc = ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "calendar ids of over %zu bytes",
                         QUESTION_MAX_BYTES);
    }
    const struct json *body = NULL;
    if (rc == ERR_OK) {
        rc = provider_transport_json(s, &call, arena, &body, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    const struct json *calendars = json_get(body, "calendars");
    for (size_t i = 0; i < req->calendar_count; i++) {
        google_busy_read(find_calendar(calendars, req->calendar_ids[i]), arena, &ret_busy[i]);
        ret_busy[i].calendar_id = req->calendar_ids[i];
    }
    return ERR_OK;
}
