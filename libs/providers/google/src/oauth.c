#include "providers/oauth.h"

#include "google_int.h"
#include "providers/jwks.h"

#define FORM_MAX_BYTES ((size_t)64 << 10)
#define SCOPE_PREFIX "https://www.googleapis.com/auth/"

/* The least that two-way sync needs.
 * src: https://developers.google.com/workspace/calendar/api/auth */
static const char scopes[] = "openid email " SCOPE_PREFIX "calendar.events " SCOPE_PREFIX
                             "calendar.calendarlist.readonly " SCOPE_PREFIX "calendar.freebusy";

/* What a scope of Google's allows, of that which we use. */
static const struct {
    const char *scope;
    uint32_t grants;
} scope_grants[] = {
    {SCOPE_PREFIX "calendar", PROVIDER_GRANT_READ | PROVIDER_GRANT_WRITE |
                                  PROVIDER_GRANT_CALENDARS | PROVIDER_GRANT_FREE_BUSY},
    {SCOPE_PREFIX "calendar.readonly",
     PROVIDER_GRANT_READ | PROVIDER_GRANT_CALENDARS | PROVIDER_GRANT_FREE_BUSY},
    {SCOPE_PREFIX "calendar.events", PROVIDER_GRANT_READ | PROVIDER_GRANT_WRITE},
    {SCOPE_PREFIX "calendar.events.owned", PROVIDER_GRANT_READ | PROVIDER_GRANT_WRITE},
    {SCOPE_PREFIX "calendar.events.readonly", PROVIDER_GRANT_READ},
    {SCOPE_PREFIX "calendar.events.owned.readonly", PROVIDER_GRANT_READ},
    {SCOPE_PREFIX "calendar.events.freebusy", PROVIDER_GRANT_FREE_BUSY},
    {SCOPE_PREFIX "calendar.freebusy", PROVIDER_GRANT_FREE_BUSY},
    {SCOPE_PREFIX "calendar.calendarlist", PROVIDER_GRANT_CALENDARS},
    {SCOPE_PREFIX "calendar.calendarlist.readonly", PROVIDER_GRANT_CALENDARS},
};

uint32_t google_grants(struct str scope)
{
    uint32_t grants = 0;
    for (size_t i = 0; i < ARRAY_LEN(scope_grants); i++) {
        if (provider_scope_has(scope, scope_grants[i].scope)) {
            grants |= scope_grants[i].grants;
        }
    }
    return grants;
}

enum err_code google_consent_url(const struct provider_endpoints *ends,
                                 const struct provider_consent *req, struct buf *out,
                                 struct err *err)
{
    struct buf query;
    buf_init(&query, FORM_MAX_BYTES);
    form_add(&query, "client_id", req->client->id);
    form_add(&query, "redirect_uri", req->client->redirect_uri);
    form_add(&query, "response_type", STR("code"));
    form_add(&query, "scope", str_c(scopes));
    /* offline and consent: without either no refresh token comes */
    form_add(&query, "access_type", STR("offline"));
    bool known = req->login_hint.len > 0;
    form_add(&query, "prompt", known ? STR("consent") : STR("select_account consent"));
    form_add(&query, "state", req->state);
    form_add(&query, "code_challenge", req->code_challenge);
    form_add(&query, "code_challenge_method", STR("S256"));
    form_add(&query, "nonce", req->nonce);
    if (known) {
        form_add(&query, "login_hint", req->login_hint);
    }
    enum err_code rc = buf_ok(&query, err);
    if (rc == ERR_OK) {
        buf_add(out, ends->consent_url);
        buf_add_char(out, '?');
        buf_add(out, buf_str(&query));
        rc = buf_ok(out, err);
    }
    buf_fini(&query);
    return rc;
}

enum err_code google_exchange(struct provider_link *link, const struct provider_client *client,
                              struct str code, struct str verifier, int64_t deadline,
                              struct arena *arena, struct provider_tokens *ret_tokens,
                              struct err *err)
{
    struct buf form;
    buf_init(&form, FORM_MAX_BYTES);
    provider_oauth_code_form(client, code, verifier, &form);
    enum err_code rc = buf_ok(&form, err);
    if (rc == ERR_OK) {
        rc = provider_oauth_token(link, "google.exchange", buf_str(&form), true, deadline, arena,
                                  ret_tokens, err);
    }
    buf_fini(&form);
    return rc;
}

enum err_code google_refresh(struct provider_link *link, const struct provider_client *client,
                             struct str refresh_token, int64_t deadline, struct arena *arena,
                             struct provider_tokens *ret_tokens, struct err *err)
{
    struct buf form;
    buf_init(&form, FORM_MAX_BYTES);
    provider_oauth_refresh_form(client, refresh_token, &form);
    enum err_code rc = buf_ok(&form, err);
    if (rc == ERR_OK) {
        rc = provider_oauth_token(link, "google.refresh", buf_str(&form), false, deadline, arena,
                                  ret_tokens, err);
    }
    buf_fini(&form);
    return rc;
}

enum err_code google_revoke(struct provider_link *link, struct str token, int64_t deadline,
                            struct err *err)
{
    struct arena arena;
    arena_init(&arena);
    struct buf form;
    buf_init(&form, FORM_MAX_BYTES);
    form_add(&form, "token", token);
    struct http_response response = {0};
    enum err_code rc = provider_oauth_post(link, "google.revoke", link->ends.revoke_url,
                                           buf_str(&form), false, deadline, &arena, &response, err);
    if (rc == ERR_OK && (response.status < 200 || response.status > 299)) {
        const struct json *body = provider_json_object(&arena, response.body);
        struct str error = json_str_or_empty(body, "error");
        /* it was dead already */
        bool done = response.status == 400 &&
                    (str_eq_c(error, "invalid_token") || str_eq_c(error, "invalid_grant"));
        if (!done) {
            rc = ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY,
                             "the grant could not be revoked (HTTP status %d)", response.status);
        }
    }
    buf_fini(&form);
    arena_fini(&arena);
    return rc;
}

enum err_code google_identify(struct provider_link *link, const struct provider_client *client,
                              struct str id_token, struct str nonce, int64_t deadline,
                              struct arena *arena, struct provider_identity *ret_identity,
                              struct err *err)
{
    const struct json *claims;
    enum err_code rc =
        provider_id_token_verify(link, client, id_token, nonce, deadline, arena, &claims, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct provider_identity identity = {
        .subject = json_str_or_empty(claims, "sub"),
        .address = json_str_or_empty(claims, "email"),
    };
    if (identity.subject.len == 0) {
        return ERR_SET_ACT(err, ERR_AUTH, ERR_ACT_REAUTH, "an ID token without a subject");
    }
    *ret_identity = identity;
    return ERR_OK;
}
