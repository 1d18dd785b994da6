/* Each request's way: which route, who asks, what is wanted. */
#include "auth.h"
#include "base/encode.h"
#include "ingest.h"
#include "json/json.h"

/* Read at each use: the settings hold the secrets of now, also after they were rotated. */
static struct auth_rules rules_of(const struct ingest *in)
{
    const struct ingest_config *conf = in->conf;
    return (struct auth_rules){
        .jwt =
            {
                .hs256_secret = config_secret(&conf->jwt_secret),
                .issuers = conf->jwt_issuers.items,
                .issuer_count = conf->jwt_issuers.count,
                .audience = conf->jwt_audience,
                .skew_ms = conf->jwt_skew,
                .now_ms = co_wall_now(),
            },
        .service_key = config_secret(&conf->service_key),
    };
}

static bool authenticate(struct call *c, struct message_caller *ret_caller)
{
    struct auth_rules rules = rules_of(c->in);
    struct str authorization = STR("");
    struct refusal refusal;

    http_request_header(c->x, "Authorization", &authorization);
    if (!auth_check(&rules, authorization, c->x->arena, ret_caller, &refusal)) {
        answer_refusal(c, &refusal);
        return false;
    }
    return true;
}

static bool content_type_ok(const struct http_exchange *x)
{
    struct str type;
    if (x->body.len == 0 || !http_request_header(x, "Content-Type", &type)) {
        return true;
    }
    return str_eq_nocase(str_trim(str_sub(type, 0, str_find_char(type, ';'))),
                         STR("application/json"));
}

static void refuse_with(struct call *c, int status, const char *code, const char *text)
{
    struct refusal refusal;
    refuse(&refusal, status, code, "%s", text);
    answer_refusal(c, &refusal);
}

static void user_route(struct call *c)
{
    struct message_caller caller;
    struct refusal refusal;

    if (!authenticate(c, &caller)) {
        return;
    }
    if (!auth_want_user(&caller, &refusal)) {
        answer_refusal(c, &refusal);
        return;
    }
    if (!content_type_ok(c->x)) {
        refuse_with(c, 415, "unsupported_media_type", "The body must be application/json.");
        return;
    }
    ask_handle(c, &caller);
}

static void poll_route(struct call *c, const struct message_caller *caller)
{
    if (caller->role != MESSAGE_ROLE_SERVICE) {
        refuse_with(c, 403, "service_required", "Only the service role may do this.");
        return;
    }
    tick_handle(c);
}

static void connection_route(struct call *c, struct message_caller *caller)
{
    struct refusal refusal;
    if (!auth_want_user(caller, &refusal)) {
        answer_refusal(c, &refusal);
        return;
    }
    ask_handle(c, caller);
}

/* One path for providers, cron and users, as the host has it: notices are known by their form, and
 * prove themselves by what they carry; all else needs a token. */
static void sync_route(struct call *c)
{
    const struct json *body = NULL;
    struct message_caller caller;
    struct str unused;

    if (webhook_is_google(c->x)) {
        webhook_google(c);
        return;
    }
    bool parsed = json_parse(c->x->arena, c->x->body, &body, NULL) == ERR_OK;
    const struct json *value = json_get(body, "value");
    if (form_find(c->x->query, "validationToken", c->x->arena, &unused) ||
        (value != NULL && value->kind == JSON_ARRAY)) {
        refuse_with(c, 400, "unsupported_provider", "Notices of this provider are not taken.");
        return;
    }
    if (!authenticate(c, &caller)) {
        return;
    }
    if (!content_type_ok(c->x)) {
        refuse_with(c, 415, "unsupported_media_type", "The body must be application/json.");
        return;
    }
    if (!parsed || body->kind != JSON_OBJECT) {
        refuse_with(c, 400, "invalid_json", "The body must be a JSON object.");
        return;
    }
    struct str mode = json_str_or_empty(body, "mode");
    if (str_eq_c(mode, "poll") && body->count == 1) {
        poll_route(c, &caller);
    } else if (str_eq_c(mode, "connection")) {
        connection_route(c, &caller);
    } else {
        refuse_with(c, 400, "invalid_field",
                    "The field \"mode\" is poll, with no other field, or connection.");
    }
}

static void dispatch(struct call *c)
{
    switch (c->routed.route) {
    case ROUTE_UNKNOWN:
        refuse_with(c, 404, "not_found", "There is no such path.");
        break;
    case ROUTE_WRONG_METHOD:
        refuse_with(c, 405, "method_not_allowed", "This path does not take this method.");
        break;
    case ROUTE_PREFLIGHT:
        answer_preflight(c);
        break;
    case ROUTE_SYNC:
        sync_route(c);
        break;
    case ROUTE_OAUTH_REDIRECT:
        oauth_redirect_handle(c);
        break;
    case ROUTE_OPENAPI:
        answer_json(c, 200, c->in->openapi, 0);
        break;
    case ROUTE_OAUTH_START:
    case ROUTE_OAUTH_EXCHANGE:
    case ROUTE_FREEBUSY:
    case ROUTE_SCHEDULE:
    case ROUTE_CONNECTIONS:
    case ROUTE_CONNECTION:
    case ROUTE_CONNECTION_PATCH:
    case ROUTE_CONNECTION_DELETE:
        user_route(c);
        break;
    }
}

void front_handle(struct http_exchange *x, void *arg)
{
    struct call c = {
        .in = arg, .x = x, .begun_at = co_now(), .routed = route_find(x->method, x->path)};
    struct str parent = STR("");

    http_request_header(x, "traceparent", &parent);
    request_context_begin(&c.ctx, parent);
    dispatch(&c);
    request_context_end();
}
