#include "providers/oauth.h"

#include "base/encode.h"
#include "observe/metric.h"
#include "providers/transport.h"

/* An ID token beside two others is a few KiB. */
#define ANSWER_MAX_BYTES ((size_t)256 << 10)
#define FORM_MAX_BYTES ((size_t)64 << 10)
/* An hour is what providers give; one that says nothing is asked again in a quarter. */
#define LIFE_DEFAULT_S 900
#define LIFE_MAX_S (INT64_C(30) * 86400)

bool provider_scope_has(struct str scopes, const char *scope)
{
    struct str rest = scopes.ptr != NULL ? scopes : STR(""), part;
    while (str_split(&rest, ' ', &part)) {
        if (str_eq_c(part, scope)) {
            return true;
        }
    }
    return false;
}

/* ---- failures ------------------------------------------------------------------------------- */

/* RFC 6749 5.2, and what the providers add to it. What is not listed and is a 4xx with an error in
 * it is our own mistake; the grant is never blamed for an error that does not name it. */
static const struct {
    const char *error;
    enum err_code code;
    enum err_act act;
} oauth_errors[] = {
    {"invalid_grant", ERR_AUTH, ERR_ACT_REAUTH},
    {"admin_policy_enforced", ERR_AUTH, ERR_ACT_REAUTH},
    {"interaction_required", ERR_AUTH, ERR_ACT_REAUTH},
    {"consent_required", ERR_AUTH, ERR_ACT_REAUTH},
    {"login_required", ERR_AUTH, ERR_ACT_REAUTH},
    {"invalid_client", ERR_CONFIG, ERR_ACT_CONFIG},
    {"unauthorized_client", ERR_CONFIG, ERR_ACT_CONFIG},
    {"deleted_client", ERR_CONFIG, ERR_ACT_CONFIG},
    {"disabled_client", ERR_CONFIG, ERR_ACT_CONFIG},
    {"redirect_uri_mismatch", ERR_CONFIG, ERR_ACT_CONFIG},
    {"invalid_request", ERR_CONFIG, ERR_ACT_CONFIG},
    {"invalid_scope", ERR_CONFIG, ERR_ACT_CONFIG},
    {"unsupported_grant_type", ERR_CONFIG, ERR_ACT_CONFIG},
    {"unsupported_response_type", ERR_CONFIG, ERR_ACT_CONFIG},
    {"org_internal", ERR_CONFIG, ERR_ACT_CONFIG},
    {"rate_limit_exceeded", ERR_THROTTLED, ERR_ACT_RETRY},
    {"slow_down", ERR_THROTTLED, ERR_ACT_RETRY},
    {"internal_failure", ERR_UNAVAILABLE, ERR_ACT_RETRY},
    {"server_error", ERR_UNAVAILABLE, ERR_ACT_RETRY},
    {"temporarily_unavailable", ERR_UNAVAILABLE, ERR_ACT_RETRY},
};

/* The provider's words, for the person who has to act: bounded, one line. */
static struct str words(struct arena *arena, const struct json *body)
{
    struct str error = provider_word(arena, json_str_or_empty(body, "error"));
    struct str subtype = provider_word(arena, json_str_or_empty(body, "error_subtype"));
    struct str said = provider_word(arena, json_str_or_empty(body, "error_description"));
    return arena_strf(arena, "%.*s%s%.*s%s%.*s", STR_ARG(error), subtype.len > 0 ? "/" : "",
                      STR_ARG(subtype), said.len > 0 ? ": " : "", STR_ARG(said));
}

static enum err_code read_failure(int status, const struct json *body, struct arena *arena,
                                  struct err *err)
{
    enum err_code code = status == 429 ? ERR_THROTTLED : ERR_UNAVAILABLE;
    enum err_act act = ERR_ACT_RETRY;
    struct str error = json_str_or_empty(body, "error");
    if (error.len > 0 && status >= 400 && status < 500 && status != 429) {
        code = ERR_CONFIG;
        act = ERR_ACT_CONFIG;
        for (size_t i = 0; i < ARRAY_LEN(oauth_errors); i++) {
            if (str_eq_c(error, oauth_errors[i].error)) {
                code = oauth_errors[i].code;
                act = oauth_errors[i].act;
                break;
            }
        }
    }
    struct str said = words(arena, body);
    ERR_SET_ACT(err, code, act, "%.*s%s(HTTP status %d)", STR_ARG(said), said.len > 0 ? " " : "",
                status);
    if (err != NULL) {
        err->sys = status;
    }
    return code;
}

/* ---- tokens --------------------------------------------------------------------------------- */

enum err_code provider_oauth_read(int status, struct str body, int64_t now_at, struct arena *arena,
                                  struct provider_tokens *ret_tokens, struct err *err)
{
    const struct json *answer = provider_json_object(arena, body);
    if (status < 200 || status > 299) {
        return read_failure(status, answer, arena, err);
    }
    struct str access = json_str_or_empty(answer, "access_token");
    if (access.len == 0) {
        return ERR_SET_ACT(err, ERR_PROTO, ERR_ACT_RETRY,
                           "the token endpoint answered %d without an access token", status);
    }
    int64_t life_s = LIFE_DEFAULT_S;
    struct str text;
    if (!json_get_i64(answer, "expires_in", &life_s) && json_get_str(answer, "expires_in", &text) &&
        !str_to_i64(text, &life_s)) {
        life_s = LIFE_DEFAULT_S;
    }
    life_s = MAX(MIN(life_s, LIFE_MAX_S), 0);
    *ret_tokens = (struct provider_tokens){
        .access_token = access,
        .refresh_token = json_str_or_empty(answer, "refresh_token"),
        .expires_at = now_at + life_s * 1000,
        .scope = json_str_or_empty(answer, "scope"),
        .id_token = json_str_or_empty(answer, "id_token"),
    };
    return ERR_OK;
}

void provider_oauth_code_form(const struct provider_client *client, struct str code,
                              struct str verifier, struct buf *out)
{
    form_add(out, "grant_type", STR("authorization_code"));
    form_add(out, "client_id", client->id);
    form_add(out, "client_secret", client->secret);
    form_add(out, "redirect_uri", client->redirect_uri);
    form_add(out, "code", code);
    form_add(out, "code_verifier", verifier);
}

void provider_oauth_refresh_form(const struct provider_client *client, struct str refresh_token,
                                 struct buf *out)
{
    form_add(out, "grant_type", STR("refresh_token"));
    form_add(out, "client_id", client->id);
    form_add(out, "client_secret", client->secret);
    form_add(out, "refresh_token", refresh_token);
}

enum err_code provider_oauth_post(struct provider_link *link, const char *verb, struct str url,
                                  struct str form, bool once, int64_t deadline, struct arena *arena,
                                  struct http_response *ret_response, struct err *err)
{
    const struct http_header headers[] = {
        {STR("Content-Type"), STR("application/x-www-form-urlencoded")},
        {STR("Accept"), STR("application/json")},
    };
    if (form.len > FORM_MAX_BYTES) {
        return ERR_SET(err, ERR_TOO_BIG, "a form for the token endpoint is over %zu bytes",
                       FORM_MAX_BYTES);
    }
    struct http_request request = {
        .method = "POST",
        .url = url,
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .body = form,
        .deadline = deadline,
        .protocol = link->protocol,
        .max_body_bytes = ANSWER_MAX_BYTES,
        .once = once,
    };
    int64_t began = co_clock_ns();
    struct http_response response = {0};
    enum err_code rc = http_fetch(link->http, &request, arena, &response, err);
    metric_observe(METRIC_PROVIDER_SECONDS, verb, (double)(co_clock_ns() - began) / 1e9);
    if (rc == ERR_OK) {
        *ret_response = response;
    } else {
        metric_inc(METRIC_PROVIDER_ERRORS, err_code_name(rc));
    }
    return rc;
}

enum err_code provider_oauth_token(struct provider_link *link, const char *verb, struct str form,
                                   bool once, int64_t deadline, struct arena *arena,
                                   struct provider_tokens *ret_tokens, struct err *err)
{
    int64_t asked_at = co_wall_now();
    struct http_response response;
    struct err local = {0};
    enum err_code rc = provider_oauth_post(link, verb, link->ends.token_url, form, once, deadline,
                                           arena, &response, &local);
    if (rc == ERR_OK) {
        rc = provider_oauth_read(response.status, response.body, asked_at, arena, ret_tokens,
                                 &local);
        if (rc != ERR_OK) {
            metric_inc(METRIC_PROVIDER_ERRORS, err_code_name(rc));
        }
        struct str after;
        if ((rc == ERR_THROTTLED || rc == ERR_UNAVAILABLE) &&
            http_header_find(response.headers, response.header_count, "retry-after", &after)) {
            local.retry_after_ms = provider_retry_after_ms(after, co_wall_now());
        }
    } else if (local.act == ERR_ACT_NONE) {
        local.act = ERR_ACT_RETRY; /* no answer says nothing about the grant */
    }
    if (rc != ERR_OK && err != NULL) {
        *err = local;
    }
    return rc;
}
