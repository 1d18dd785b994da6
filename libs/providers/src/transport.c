#include "providers/transport.h"

#include "base/encode.h"
#include "http/url.h"
#include "observe/metric.h"

/* Answers that are not streamed are small; a verb that expects more says so. */
#define BODY_MAX_BYTES ((size_t)1 << 20)
#define HEADERS_MAX 6

/* ---- pure ----------------------------------------------------------------------------------- */

const struct json *provider_json_object(struct arena *arena, struct str body)
{
    const struct json *value = NULL;
    if (body.len == 0 || json_parse(arena, body, &value, NULL) != ERR_OK) {
        return NULL;
    }
    return value->kind == JSON_OBJECT ? value : NULL;
}

struct str provider_word(struct arena *arena, struct str text)
{
    enum { WORD_MAX = 64 };
    char *out = arena_alloc(arena, WORD_MAX);
    size_t len = 0;
    for (size_t i = 0; i < text.len && len < WORD_MAX; i++) {
        char c = text.ptr[i];
        if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
            c == '.' || c == '_' || c == '-' || c == ' ') {
            out[len++] = c;
        }
    }
    return (struct str){out, len};
}

enum err_code provider_classify_status(int status, struct err *err)
{
    enum err_code code = ERR_INVALID;
    enum err_act act = ERR_ACT_DROP;
    switch (status) {
    case 401:
        code = ERR_AUTH;
        act = ERR_ACT_REAUTH;
        break;
    case 403:
        code = ERR_DENIED;
        break;
    case 404:
        code = ERR_NOT_FOUND;
        act = ERR_ACT_NONE;
        break;
    case 409:
        code = ERR_EXISTS;
        act = ERR_ACT_NONE;
        break;
    case 410:
        code = ERR_GONE;
        act = ERR_ACT_NONE;
        break;
    case 412:
        code = ERR_CONFLICT;
        act = ERR_ACT_NONE;
        break;
    case 408:
    case 425:
        code = ERR_UNAVAILABLE;
        act = ERR_ACT_RETRY;
        break;
    case 429:
        code = ERR_THROTTLED;
        act = ERR_ACT_RETRY;
        break;
    default:
        if (status >= 500) {
            code = ERR_UNAVAILABLE;
            act = ERR_ACT_RETRY;
        } else if (status < 400) {
            /* A redirect, or a captive portal's idea of one: nothing that an API says. */
            code = ERR_PROTO;
            act = ERR_ACT_RETRY;
        }
        break;
    }
    ERR_SET_ACT(err, code, act, "HTTP status %d", status);
    if (err != NULL) {
        err->sys = status;
    }
    return code;
}

/* ---- one attempt ---------------------------------------------------------------------------- */

static enum err_code check_origin(const struct provider_session *s,
                                  const struct provider_call *call, struct err *err)
{
    struct http_url api, target;
    if (http_url_parse(s->link->ends.api_url, &api, err) != ERR_OK) {
        return ERR_SET_ACT(err, ERR_CONFIG, ERR_ACT_CONFIG, "the API's base URL is malformed");
    }
    if (http_url_parse(call->url, &target, err) != ERR_OK) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "the call's URL is malformed");
    }
    if (!http_url_same_origin(&api, &target)) {
        /* Providers name the next page by URL; the token is for the API alone. */
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP,
                           "the call's URL leaves the API's origin: no token is sent there");
    }
    return ERR_OK;
}

static CO_FN enum err_code need_token(struct provider_session *s, struct str refused,
                                      int64_t deadline, struct err *err)
{
    struct str token = {0};
    enum err_code rc = s->token(s->ctx, refused, deadline, s->arena, &token, err);
    if (rc == ERR_OK) {
        s->access_token = token;
    }
    return rc;
}

static CO_FN enum err_code fetch(struct provider_session *s, const struct provider_call *call,
                                 struct arena *arena, struct http_response *response,
                                 struct err *err)
{
    char trace[TRACEPARENT_LEN + 1];
    struct http_header headers[HEADERS_MAX];
    size_t count = 0;
    headers[count++] = (struct http_header){
        STR("Authorization"), arena_strf(arena, "Bearer %.*s", STR_ARG(s->access_token))};
    headers[count++] = (struct http_header){STR("Accept"), STR("application/json")};
    if (call->body.ptr != NULL) {
        headers[count++] =
            (struct http_header){STR("Content-Type"), STR("application/json; charset=UTF-8")};
    }
    if (call->if_match.len > 0) {
        headers[count++] = (struct http_header){STR("If-Match"), call->if_match};
    }
    if (s->link->traceparent != NULL) {
        headers[count++] = (struct http_header){STR("traceparent"), s->link->traceparent(trace)};
    }
    struct http_request request = {
        .method = call->method,
        .url = call->url,
        .headers = headers,
        .header_count = count,
        .body = call->body,
        .deadline = call->deadline,
        .protocol = s->link->protocol,
        .max_body_bytes = call->max_body_bytes > 0 ? call->max_body_bytes : BODY_MAX_BYTES,
        .on_body = call->on_body,
        .on_body_arg = call->on_body_arg,
    };
    int64_t began = co_clock_ns();
    enum err_code rc = http_fetch(s->link->http, &request, arena, response, err);
    metric_observe(METRIC_PROVIDER_SECONDS, call->verb, (double)(co_clock_ns() - began) / 1e9);
    return rc;
}

/* A failure without an answer. Of a write that had left us it is in doubt; of one that had not, it
 * is certain that nothing happened. */
static enum err_code no_answer(const struct provider_call *call, enum err_code rc, bool sent,
                               struct err *err)
{
    if (rc == ERR_TOO_BIG && err->act == ERR_ACT_NONE) {
        err->act = ERR_ACT_RETRY; /* it may shrink; until then the calendar is shown as parked */
    }
    if (!call->writes) {
        return rc;
    }
    if (!sent && (rc == ERR_IO || rc == ERR_TIMEOUT) && err->act == ERR_ACT_RETRY) {
        err->code = ERR_UNAVAILABLE;
    } else if (sent && (rc == ERR_PROTO || rc == ERR_TOO_BIG || rc == ERR_UNAVAILABLE)) {
        err->code = ERR_IO;
        err->act = ERR_ACT_RETRY;
    }
    return err->code;
}

static enum err_code refused(struct provider_session *s, const struct provider_call *call,
                             struct arena *arena, const struct http_response *response,
                             struct err *err)
{
    const struct json *body = provider_json_object(arena, response->body);
    enum err_code rc = call->classify(call, response->status, body, err);
    struct str after;
    if ((rc == ERR_THROTTLED || rc == ERR_UNAVAILABLE) &&
        http_header_find(response->headers, response->header_count, "retry-after", &after)) {
        int32_t ms = provider_retry_after_ms(after, co_wall_now());
        err->retry_after_ms = ms > 0 ? ms : err->retry_after_ms;
    }
    if (rc == ERR_THROTTLED && s->throttled != NULL) {
        s->throttled(s->ctx, err->retry_after_ms);
    }
    if (call->writes && response->status >= 500) {
        /* A gateway's 5xx may stand before a write that was applied. */
        err->code = ERR_IO;
    }
    return err->code;
}

static CO_FN enum err_code attempt(struct provider_session *s, const struct provider_call *call,
                                   struct arena *arena, struct http_response *response,
                                   struct err *err)
{
    if (s->budget != NULL) {
        int32_t cost = call->cost > 0 ? call->cost : 1;
        enum err_code rc = s->budget(s->ctx, cost, call->deadline, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    *response = (struct http_response){0};
    enum err_code rc = fetch(s, call, arena, response, err);
    if (rc != ERR_OK) {
        return no_answer(call, rc, response->sent, err);
    }
    return ERR_OK;
}

static CO_FN enum err_code ask(struct provider_session *s, const struct provider_call *call,
                               struct arena *arena, struct http_response *response, struct err *err)
{
    enum err_code rc = check_origin(s, call, err);
    if (rc == ERR_OK && s->access_token.len == 0) {
        rc = need_token(s, (struct str){0}, call->deadline, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    rc = attempt(s, call, arena, response, err);
    if (rc == ERR_OK && response->status == 401) {
        /* A 401 has applied nothing, so even a write is safe to replay. Once: a second refusal of a
         * new token is the provider's answer. */
        rc = need_token(s, s->access_token, call->deadline, err);
        if (rc == ERR_OK) {
            rc = attempt(s, call, arena, response, err);
        }
    }
    if (rc != ERR_OK) {
        return rc;
    }
    if (response->status < 200 || response->status > 299) {
        return refused(s, call, arena, response, err);
    }
    return ERR_OK;
}

enum err_code provider_transport(struct provider_session *s, const struct provider_call *call,
                                 struct arena *arena, struct http_response *ret_response,
                                 struct err *err)
{
    struct err local = {0};
    struct http_response response;
    enum err_code rc = ask(s, call, arena, &response, &local);
    if (rc != ERR_OK) {
        metric_inc(METRIC_PROVIDER_ERRORS, err_code_name(rc));
        if (err != NULL) {
            *err = local;
        }
        return rc;
    }
    *ret_response = response;
    return ERR_OK;
}

enum err_code provider_transport_json(struct provider_session *s, const struct provider_call *call,
                                      struct arena *arena, const struct json **ret_body,
                                      struct err *err)
{
    struct http_response response;
    enum err_code rc = provider_transport(s, call, arena, &response, err);
    if (rc != ERR_OK) {
        return rc;
    }
    const struct json *body = provider_json_object(arena, response.body);
    if (body == NULL) {
        rc = call->writes ? ERR_IO : ERR_PROTO;
        metric_inc(METRIC_PROVIDER_ERRORS, err_code_name(rc));
        return ERR_SET_ACT(err, rc, ERR_ACT_RETRY, "status %d without a JSON object",
                           response.status);
    }
    *ret_body = body;
    return ERR_OK;
}
