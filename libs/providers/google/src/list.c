/* Calendars and changes, streamed: what is held is one item, not a page. */
#include "google/mapping.h"
#include "google_int.h"
#include "observe/metric.h"
#include "json/stream.h"

/* An event with some thousand attendees is the largest item there is. */
#define ITEM_MAX_BYTES ((size_t)4 << 20)
/* Beside the items: tokens, the calendar's name and description. */
#define REST_MAX_BYTES ((size_t)256 << 10)
/* 2,500 events with long descriptions; it is never held. */
#define PAGE_MAX_BYTES ((size_t)256 << 20)
/* A list that never ends is not a list: 250,000 calendars. */
#define CALENDAR_PAGES_MAX 1000

/* ---- one streamed page ---------------------------------------------------------------------- */

/* Between the transport, which has bytes, and the reader of items. */
struct page {
    struct json_stream *stream;
    const char *kind; /* of the list, as it names itself */
    enum err_code (*on_item)(void *arg, const struct json *item, struct err *err);
    void *arg;
    bool refused; /* by on_item: its own error, not one of the answer */
};

static enum err_code page_item(void *arg, const struct json *item, struct err *err)
{
    struct page *page = arg;
    enum err_code rc = page->on_item(page->arg, item, err);
    page->refused = rc != ERR_OK;
    return rc;
}

/* An answer that is no page is an outage in disguise (HTML, cut in the middle). */
static enum err_code blame(const struct page *page, enum err_code rc, struct err *err)
{
    if (rc == ERR_PROTO && !page->refused && err != NULL) {
        err->act = ERR_ACT_RETRY;
    }
    return rc;
}

static enum err_code page_bytes(void *arg, struct str bytes, struct err *err)
{
    struct page *page = arg;
    return blame(page, json_stream_feed(page->stream, bytes, err), err);
}

/* An object without a token and without a kind is no answer of this API: taken for an empty list,
 * it would empty a calendar. */
static enum err_code check_rest(const struct json *rest, const char *kind, struct err *err)
{
    if (json_get(rest, "nextPageToken") == NULL && json_get(rest, "nextSyncToken") == NULL &&
        !str_eq_c(json_str_or_empty(rest, "kind"), kind)) {
        return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_RETRY, "an answer that is no list");
    }
    return ERR_OK;
}

/* Asks for a page; its items go to page->on_item. The rest lives as long as page->stream. */
static CO_FN enum err_code page_fetch(struct provider_session *s, const char *verb, struct str url,
                                      int64_t deadline, struct arena *arena, struct page *page,
                                      const struct json **ret_rest, struct err *err)
{
    page->stream = json_stream_new("items", ITEM_MAX_BYTES, REST_MAX_BYTES, page_item, page);
    struct provider_call call = {
        .verb = verb,
        .url = url,
        .deadline = deadline,
        .max_body_bytes = PAGE_MAX_BYTES,
        .on_body = page_bytes,
        .on_body_arg = page,
        .classify = google_classify,
    };
    struct http_response response;
    enum err_code rc = provider_transport(s, &call, arena, &response, err);
    if (rc != ERR_OK) {
        return rc;
    }
    rc = blame(page, json_stream_finish(page->stream, ret_rest, err), err);
    if (rc == ERR_OK) {
        rc = check_rest(*ret_rest, page->kind, err);
    }
    if (rc != ERR_OK) { /* the transport thought it a success */
        metric_inc(METRIC_PROVIDER_ERRORS, err_code_name(rc));
    }
    return rc;
}

/* ---- calendars ------------------------------------------------------------------------------ */

struct calendars {
    provider_calendar_fn on_calendar;
    void *arg;
};

static enum err_code calendar_item(void *arg, const struct json *item, struct err *err)
{
    struct calendars *c = arg;
    struct provider_calendar calendar;
    enum err_code rc = google_calendar_read(item, &calendar, NULL);
    if (rc != ERR_OK) {
        metric_inc(METRIC_PROVIDER_BAD_ITEMS, err_code_name(rc));
        return ERR_OK;
    }
    return c->on_calendar(c->arg, &calendar, err);
}

/* One page, in an arena of its own: only the next page's token is kept, in *token. */
static CO_FN enum err_code calendars_page(struct provider_session *s, struct calendars *calendars,
                                          int64_t deadline, struct buf *token, struct err *err)
{
    struct google_url url;
    google_url_init(&url, s);
    google_url_segment(&url, "/users/me/calendarList");
    google_url_query_i64(&url, "maxResults", GOOGLE_CALENDARS_PAGE_MAX);
    google_url_query(&url, "showHidden", STR("true"));
    google_url_query(&url, "showDeleted", STR("true"));
    if (token->len > 0) {
        google_url_query(&url, "pageToken", buf_str(token));
    }
    struct arena arena;
    arena_init(&arena);
    struct str text;
    struct page page = {
        .kind = "calendar#calendarList", .on_item = calendar_item, .arg = calendars};
    const struct json *rest = NULL;
    enum err_code rc = google_url_take(&url, &arena, &text, err);
    if (rc == ERR_OK) {
        rc = page_fetch(s, "google.list_calendars", text, deadline, &arena, &page, &rest, err);
    }
    if (rc == ERR_OK) {
        struct str next = json_str_or_empty(rest, "nextPageToken");
        if (next.len > 0 && str_eq(next, buf_str(token))) {
            rc = ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_RETRY, "a page that names itself as the next");
        }
        buf_reset(token);
        buf_add(token, next);
    }
    json_stream_free(page.stream);
    arena_fini(&arena);
    return rc == ERR_OK ? buf_ok(token, err) : rc;
}

enum err_code google_list_calendars(struct provider_session *s, provider_calendar_fn on_calendar,
                                    void *arg, int64_t deadline, struct err *err)
{
    struct calendars calendars = {on_calendar, arg};
    struct buf token;
    buf_init(&token, GOOGLE_URL_MAX_BYTES);
    enum err_code rc = ERR_OK;
    int pages = 0;
    do {
        rc = calendars_page(s, &calendars, deadline, &token, err);
        pages++;
    } while (rc == ERR_OK && token.len > 0 && pages < CALENDAR_PAGES_MAX);
    if (rc == ERR_OK && token.len > 0) {
        rc = ERR_SET(err, ERR_TOO_BIG, "over %d pages of calendars", CALENDAR_PAGES_MAX);
    }
    buf_fini(&token);
    return rc;
}

/* ---- changes -------------------------------------------------------------------------------- */

struct changes {
    const struct provider_changes_req *req;
    struct arena arena; /* of one item */
};

static enum err_code change_item(void *arg, const struct json *item, struct err *err)
{
    struct changes *c = arg;
    struct calendar_event event;
    struct err why = {0};
    arena_reset(&c->arena);
    enum err_code rc = google_event_read(item, &c->arena, &event, &why);
    if (rc == ERR_OK) {
        return c->req->on_event(c->req->arg, &event, err);
    }
    metric_inc(METRIC_PROVIDER_BAD_ITEMS, err_code_name(rc));
    if (c->req->on_bad != NULL) {
        c->req->on_bad(c->req->arg, json_str_or_empty(item, "id"), &why);
    }
    return ERR_OK;
}

/* The shape of the query is part of what a sync token means: always the same, page after page and
 * run after run; with a token nothing that restricts it. */
static enum err_code changes_url(const struct provider_session *s,
                                 const struct provider_changes_req *req, struct arena *arena,
                                 struct str *ret_url, struct err *err)
{
    size_t size =
        req->page_size > 0 ? MIN(req->page_size, GOOGLE_EVENTS_PAGE_MAX) : GOOGLE_EVENTS_PAGE_MAX;
    struct google_url url;
    google_url_init(&url, s);
    google_url_segment(&url, "/calendars");
    google_url_id(&url, req->calendar_id);
    google_url_segment(&url, "/events");
    google_url_query_i64(&url, "maxResults", (int64_t)size);
    google_url_query(&url, "singleEvents", STR("false"));
    google_url_query(&url, "showDeleted", STR("true"));
    if (req->cursor.len > 0) {
        google_url_query(&url, "syncToken", req->cursor);
    }
    if (req->page_token.len > 0) {
        google_url_query(&url, "pageToken", req->page_token);
    }
    return google_url_take(&url, arena, ret_url, err);
}

static enum err_code read_page(const struct provider_changes_req *req, const struct json *rest,
                               struct arena *arena, struct provider_page *ret_page, struct err *err)
{
    struct str next = json_str_or_empty(rest, "nextPageToken");
    if (next.len > 0 && str_eq(next, req->page_token)) {
        return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_RETRY, "a page that names itself as the next");
    }
    struct str cursor = next.len > 0 ? (struct str){0} : json_str_or_empty(rest, "nextSyncToken");
    *ret_page = (struct provider_page){
        .next_page = arena_str(arena, next),
        .next_cursor = arena_str(arena, cursor),
        .zone = arena_str(arena, json_str_or_empty(rest, "timeZone")),
        .role = google_role_parse(json_str_or_empty(rest, "accessRole")),
    };
    return ERR_OK;
}

enum err_code google_list_changes(struct provider_session *s,
                                  const struct provider_changes_req *req, int64_t deadline,
                                  struct arena *arena, struct provider_page *ret_page,
                                  struct err *err)
{
    struct str url;
    enum err_code rc = changes_url(s, req, arena, &url, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct changes changes = {.req = req};
    arena_init(&changes.arena);
    struct page page = {.kind = "calendar#events", .on_item = change_item, .arg = &changes};
    const struct json *rest = NULL;
    struct err local = {0};
    rc = page_fetch(s, "google.list_changes", url, deadline, arena, &page, &rest, &local);
    if (rc == ERR_GONE && local.act == ERR_ACT_NONE) {
        local.act = ERR_ACT_RESYNC; /* a list is gone only with its cursor, whatever the reason */
    }
    if (rc == ERR_OK) {
        rc = read_page(req, rest, arena, ret_page, &local);
    }
    json_stream_free(page.stream);
    arena_fini(&changes.arena);
    if (rc != ERR_OK && err != NULL) {
        *err = local;
    }
    return rc;
}
