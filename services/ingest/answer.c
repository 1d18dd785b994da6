#include "ingest.h"
#include "observe/metric.h"
#include "json/write.h"

#include <stdio.h>

#define HEADERS_MAX 10
#define PREFLIGHT_SECONDS "600"

struct headers {
    struct http_header items[HEADERS_MAX];
    size_t count;
    char request_id[UUID_TEXT_LEN + 1];
    char retry_after[24];
};

/* Counted by path and class; both are closed sets. */
static void reply(struct call *c, int status, const struct headers *h, const char *content_type,
                  struct str body)
{
    char label[64];
    snprintf(label, sizeof label, "%s %dxx", c->routed.path_name, status / 100);
    metric_inc(METRIC_INGEST_ANSWERS, label);
    http_reply(c->x, status, h->items, h->count, content_type, body);
}

static void add(struct headers *h, const char *name, struct str value)
{
    BUG_ON(h->count == HEADERS_MAX);
    h->items[h->count++] = (struct http_header){str_c(name), value};
}

/* The page's origin, where it is one of ours. */
static bool known_origin(const struct call *c, struct str *ret_origin)
{
    const struct config_list *origins = &c->in->conf->cors_origins;
    if (!http_request_header(c->x, "Origin", ret_origin)) {
        return false;
    }
    for (size_t i = 0; i < origins->count; i++) {
        if (str_eq(origins->items[i], *ret_origin)) {
            return true;
        }
    }
    return false;
}

/* Vary is there also for other origins: what a cache keeps for them must not serve ours. */
static void begin(const struct call *c, struct headers *h)
{
    struct str origin;
    h->count = 0;
    add(h, "X-Request-Id", uuid_print(c->ctx.request_id, h->request_id));
    add(h, "Vary", STR("Origin"));
    if (known_origin(c, &origin)) {
        add(h, "Access-Control-Allow-Origin", origin);
        add(h, "Access-Control-Expose-Headers", STR("X-Request-Id, Retry-After"));
    }
}

static void add_retry_after(struct headers *h, int64_t retry_after_ms)
{
    snprintf(h->retry_after, sizeof h->retry_after, "%lld",
             (long long)((retry_after_ms + 999) / 1000));
    add(h, "Retry-After", str_c(h->retry_after));
}

void answer_json(struct call *c, int status, struct str body, int64_t retry_after_ms)
{
    struct headers h;
    begin(c, &h);
    add(&h, "Cache-Control", STR("no-store"));
    if (retry_after_ms > 0) {
        add_retry_after(&h, retry_after_ms);
    }
    if (status == 401) {
        add(&h, "WWW-Authenticate", STR("Bearer"));
    }
    if (status == 405 && c->routed.methods != NULL) {
        add(&h, "Allow", str_c(c->routed.methods));
    }
    reply(c, status, &h, body.len > 0 ? "application/json" : NULL, body);
}

void answer_refusal(struct call *c, const struct refusal *refusal)
{
    char id[UUID_TEXT_LEN + 1];
    struct buf body CLEANUP(buf_fini);
    buf_init(&body, 4096);
    struct json_writer w = {.out = &body};

    json_open(&w, '{');
    json_key(&w, "error");
    json_open(&w, '{');
    json_member_c(&w, "code", refusal->code);
    json_member_c(&w, "message", refusal->text);
    json_member_str(&w, "request_id", uuid_print(c->ctx.request_id, id));
    json_close(&w, '}');
    json_close(&w, '}');
    answer_json(c, refusal->status, buf_str(&body), refusal->retry_after_ms);
}

void answer_redirect(struct call *c, struct str location)
{
    struct headers h;
    begin(c, &h);
    add(&h, "Location", location);
    add(&h, "Cache-Control", STR("no-store"));
    add(&h, "Referrer-Policy", STR("no-referrer"));
    reply(c, 302, &h, NULL, STR(""));
}

void answer_preflight(struct call *c)
{
    struct headers h;
    struct str origin;
    begin(c, &h);
    add(&h, "Allow", str_c(c->routed.methods));
    if (known_origin(c, &origin)) {
        add(&h, "Access-Control-Allow-Methods", str_c(c->routed.methods));
        add(&h, "Access-Control-Allow-Headers",
            STR("authorization, content-type, idempotency-key, traceparent, apikey, "
                "x-client-info"));
        add(&h, "Access-Control-Max-Age", STR(PREFLIGHT_SECONDS));
    }
    reply(c, 204, &h, NULL, STR(""));
}

void refusal_of_bus(enum err_code code, struct refusal *r)
{
    switch ((int)code) {
    case ERR_TIMEOUT:
        refuse(r, 504, "timeout", "The answer did not come in time; it may have been done.");
        break;
    case ERR_EXPIRED:
        refuse(r, 504, "expired", "There was no time left to begin; nothing was done.");
        break;
    case ERR_TOO_BIG:
        refuse(r, 413, "too_long", "The request is too long.");
        break;
    case ERR_BUSY:
        refuse(r, 503, "busy", "Too much is under way; please try again.");
        r->retry_after_ms = 1000;
        break;
    default:
        refuse(r, 503, "unavailable", "This cannot be served now; please try again.");
        r->retry_after_ms = 5000;
        break;
    }
}
