#include "simulator/google/call.h"
#include "simulator/google/fields.h"

#include <inttypes.h>

/* The richer form's status word, by HTTP status. */
static const char *status_word(int status)
{
    switch (status) {
    case 400:
        return "INVALID_ARGUMENT";
    case 401:
        return "UNAUTHENTICATED";
    case 403:
        return "PERMISSION_DENIED";
    case 404:
        return "NOT_FOUND";
    case 429:
        return "RESOURCE_EXHAUSTED";
    default:
        return NULL;
    }
}

static json_t *envelope(const struct g_error *e, json_t *details)
{
    json_t *item = json_object();
    tree_set_c(item, "domain", e->domain);
    tree_set_c(item, "reason", e->reason);
    tree_set_c(item, "message", e->message);
    if (e->location_type != NULL) {
        tree_set_c(item, "locationType", e->location_type);
        tree_set_c(item, "location", e->location);
    }
    json_t *errors = json_array();
    json_array_append_new(errors, item);

    json_t *error = json_object();
    tree_set(error, "errors", errors);
    tree_set_i64(error, "code", e->status);
    tree_set_c(error, "message", e->message);
    if (details != NULL) {
        const char *word = status_word(e->status);
        if (word != NULL) {
            tree_set_c(error, "status", word);
        }
        tree_set(error, "details", details);
    }
    json_t *root = json_object();
    tree_set(root, "error", error);
    return root;
}

static void send(struct g_call *call, int status, json_t *root)
{
    sim_reply_text(call->rp, status, "application/json; charset=UTF-8", STR(""));
    tree_dump(&call->rp->body, root, call->pretty);
    json_decref(root);
}

void g_fail(struct g_call *call, const struct g_error *error)
{
    send(call, error->status, envelope(error, NULL));
}

void g_fail_invalid(struct g_call *call, const char *message, const char *parameter)
{
    g_fail(call, &(struct g_error){400, "global", "invalid", message,
                                   parameter != NULL ? "parameter" : NULL, parameter});
}

void g_fail_required(struct g_call *call, const char *message)
{
    g_fail(call, &(struct g_error){400, "global", "required", message, NULL, NULL});
}

void g_fail_not_found(struct g_call *call)
{
    g_fail(call, &(struct g_error){404, "global", "notFound", "Not Found", NULL, NULL});
}

void g_fail_auth(struct g_call *call)
{
    json_t *info = json_object();
    tree_set_c(info, "@type", "type.googleapis.com/google.rpc.ErrorInfo");
    tree_set_c(info, "reason", "ACCESS_TOKEN_EXPIRED");
    tree_set_c(info, "domain", "googleapis.com");
    json_t *details = json_array();
    json_array_append_new(details, info);
    const struct g_error error = {401,      "global",       "authError", "Invalid Credentials",
                                  "header", "Authorization"};
    send(call, 401, envelope(&error, details));
    sim_reply_header(call->rp, call->arena, "WWW-Authenticate",
                     STR("Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\""));
}

void g_fail_scope(struct g_call *call)
{
    json_t *info = json_object();
    tree_set_c(info, "@type", "type.googleapis.com/google.rpc.ErrorInfo");
    tree_set_c(info, "reason", "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    tree_set_c(info, "domain", "googleapis.com");
    json_t *details = json_array();
    json_array_append_new(details, info);
    const struct g_error error = {403,
                                  "global",
                                  "insufficientPermissions",
                                  "Request had insufficient authentication scopes.",
                                  NULL,
                                  NULL};
    send(call, 403, envelope(&error, details));
    sim_reply_header(
        call->rp, call->arena, "WWW-Authenticate",
        STR("Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\""));
}

void g_fail_quota(struct g_call *call, int status, const char *reason, int64_t retry_after_s)
{
    const char *message = "Rate Limit Exceeded";
    if (strcmp(reason, "userRateLimitExceeded") == 0) {
        message = "User Rate Limit Exceeded";
    } else if (strcmp(reason, "quotaExceeded") == 0) {
        message = "Calendar usage limits exceeded.";
    }
    json_t *info = json_object();
    tree_set_c(info, "@type", "type.googleapis.com/google.rpc.ErrorInfo");
    tree_set_c(info, "reason", "RATE_LIMIT_EXCEEDED");
    tree_set_c(info, "domain", "googleapis.com");
    json_t *details = json_array();
    json_array_append_new(details, info);
    const struct g_error error = {status, "usageLimits", reason, message, NULL, NULL};
    send(call, status, envelope(&error, details));
    if (retry_after_s >= 0) {
        char text[24];
        snprintf(text, sizeof text, "%" PRId64, retry_after_s);
        sim_reply_header(call->rp, call->arena, "Retry-After", str_c(text));
    }
}

void g_reply(struct g_call *call, json_t *tree)
{
    struct str fields = g_query(call, "fields");
    if (fields.len > 0) {
        json_t *part = g_fields_apply(fields, tree);
        json_decref(tree);
        tree = part;
        if (tree == NULL) {
            g_fail_invalid(call, "Invalid field selection", "fields");
            return;
        }
    }
    send(call, 200, tree);
}

void g_reply_empty(struct g_call *call)
{
    sim_reply_text(call->rp, 204, NULL, STR(""));
}

struct str g_query(const struct g_call *call, const char *name)
{
    struct str value;
    return sim_request_query(call->rq, name, &value) ? value : STR("");
}

bool g_query_bool(const struct g_call *call, const char *name, bool otherwise)
{
    struct str value = g_query(call, name);
    return value.len == 0 ? otherwise : str_eq_c(value, "true") || str_eq_c(value, "1");
}
