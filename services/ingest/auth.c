#include "auth.h"

#include "json/json.h"

static bool bearer(struct str authorization, struct str *ret_token)
{
    const struct str scheme = STR("Bearer ");
    if (!str_eq_nocase(str_sub(authorization, 0, scheme.len), scheme)) {
        return false;
    }
    *ret_token = str_trim(str_sub(authorization, scheme.len, authorization.len));
    return ret_token->len > 0;
}

/* The organisation stands at the top or, as the host's auth layer writes it, in app_metadata. A
 * claim of another form is a token that was not made for us. */
static bool organization_of(const struct json *claims, struct message_caller *caller)
{
    struct str text;
    struct uuid id;
    const struct json *claim = json_get(claims, "organization_id");
    if (claim == NULL) {
        claim = json_get(json_get(claims, "app_metadata"), "organization_id");
    }
    if (claim == NULL || claim->kind == JSON_NULL) {
        return true;
    }
    text = claim->kind == JSON_STRING ? claim->text : STR("");
    if (!uuid_parse(text, &id)) {
        return false;
    }
    MESSAGE_SET(caller, caller, organization, id);
    return true;
}

static bool user_of(const struct json *claims, struct message_caller *caller)
{
    struct uuid id;
    if (!uuid_parse(json_str_or_empty(claims, "sub"), &id) || uuid_is_nil(id)) {
        return false;
    }
    caller->role = MESSAGE_ROLE_USER;
    MESSAGE_SET(caller, caller, user, id);
    return organization_of(claims, caller);
}

bool auth_check(const struct auth_rules *rules, struct str authorization, struct arena *arena,
                struct message_caller *ret_caller, struct refusal *refusal)
{
    const struct json *claims = NULL;
    struct message_caller caller = {0};
    struct str token;

    if (!bearer(authorization, &token)) {
        return refuse(refusal, 401, "unauthenticated",
                      "An Authorization header with a bearer token is needed.");
    }
    if (rules->service_key.len > 0 && str_eq_secret(token, rules->service_key)) {
        caller.role = MESSAGE_ROLE_SERVICE;
        *ret_caller = caller;
        return true;
    }
    enum err_code rc = crypto_jwt_verify(token, &rules->jwt, arena, &claims, NULL);
    if (rc == ERR_EXPIRED) {
        return refuse(refusal, 401, "token_expired", "The token has expired.");
    }
    if (rc != ERR_OK) {
        return refuse(refusal, 401, "invalid_token", "The token is not valid here.");
    }
    const struct json *role = json_get(claims, "role");
    if (role != NULL && role->kind == JSON_STRING && str_eq_c(role->text, "service_role")) {
        caller.role = MESSAGE_ROLE_SERVICE;
        *ret_caller = caller;
        return true;
    }
    if (role != NULL && !(role->kind == JSON_STRING && str_eq_c(role->text, "authenticated"))) {
        return refuse(refusal, 403, "role_not_allowed", "The token's role may not do this.");
    }
    if (!user_of(claims, &caller)) {
        return refuse(refusal, 401, "invalid_token", "The token does not name a user.");
    }
    *ret_caller = caller;
    return true;
}

bool auth_want_user(const struct message_caller *caller, struct refusal *refusal)
{
    if (caller->role != MESSAGE_ROLE_USER) {
        return refuse(refusal, 403, "user_required", "Only a signed-in user may do this.");
    }
    return true;
}
