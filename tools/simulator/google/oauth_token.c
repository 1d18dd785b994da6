/* The token endpoint, revocation, and who a token belongs to. */
#include "crypto/crypto.h"
#include "simulator/google/oauth.h"

#include <inttypes.h>

static struct str field(struct g_call *call, const char *name)
{
    struct str value;
    return form_find(call->rq->body, name, call->arena, &value) ? value : STR("");
}

static void reply(struct g_call *call, int status, json_t *tree)
{
    sim_reply_text(call->rp, status, "application/json; charset=utf-8", STR(""));
    tree_dump(&call->rp->body, tree, true);
    sim_reply_header(call->rp, call->arena, "Cache-Control", STR("no-store"));
    json_decref(tree);
}

static void fail(struct g_call *call, int status, const char *error, const char *description,
                 const char *subtype)
{
    json_t *tree = json_object();
    tree_set_c(tree, "error", error);
    if (description != NULL) {
        tree_set_c(tree, "error_description", description);
    }
    if (subtype != NULL) {
        tree_set_c(tree, "error_subtype", subtype);
    }
    reply(call, status, tree);
}

/* By the form, or by HTTP Basic. NULL after an error was sent. */
static struct g_client *authenticate_client(struct g_call *call)
{
    struct str id = field(call, "client_id");
    struct str secret = field(call, "client_secret");
    struct str basic = sim_request_header(call->rq, "authorization");
    if (str_starts(basic, STR("Basic "))) {
        struct buf plain;
        buf_init(&plain, 4096);
        if (base64_decode(&plain, str_sub(basic, 6, SIZE_MAX))) {
            struct str pair = arena_str(call->arena, buf_str(&plain));
            size_t colon = str_find_char(pair, ':');
            id = str_sub(pair, 0, colon);
            secret = colon == SIZE_MAX ? STR("") : str_sub(pair, colon + 1, SIZE_MAX);
        }
        buf_fini(&plain);
    }
    struct g_client *client = g_client_find(call->g->oauth, id);
    if (client == NULL) {
        fail(call, 401, "invalid_client", "The OAuth client was not found.", NULL);
        return NULL;
    }
    if (!str_eq_secret(secret, str_c(client->secret))) {
        fail(call, 401, "invalid_client", "Unauthorized", NULL);
        return NULL;
    }
    return client;
}

static bool verifier_fits(const struct g_code *code, struct str verifier)
{
    if (code->challenge == NULL) {
        return true;
    }
    if (verifier.len < 43 || verifier.len > 128) {
        return false;
    }
    if (code->plain) {
        return str_eq_c(verifier, code->challenge);
    }
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct buf text;
    buf_init(&text, 64);
    crypto_sha256(verifier, digest);
    base64url_encode(&text, (struct str){(const char *)digest, sizeof digest});
    bool fits = str_eq_c(buf_str(&text), code->challenge);
    buf_fini(&text);
    return fits;
}

static void add_id_token(struct g_call *call, json_t *tree, const struct g_grant *grant,
                         struct str scopes, const char *nonce)
{
    if (!g_scopes_contain(scopes, STR("openid"))) {
        return;
    }
    int64_t now_s = sim_now(call->g->sim) / 1000;
    json_t *claims = json_object();
    tree_set_c(claims, "iss", "https://accounts.google.com");
    tree_set_c(claims, "azp", grant->client->id);
    tree_set_c(claims, "aud", grant->client->id);
    tree_set_c(claims, "sub", grant->user->sub);
    if (g_scopes_bits(scopes) & G_SCOPE_EMAIL) {
        tree_set_c(claims, "email", grant->user->email);
        tree_set_bool(claims, "email_verified", true);
    }
    if (g_scopes_bits(scopes) & G_SCOPE_PROFILE) {
        tree_set_c(claims, "name", grant->user->name);
    }
    if (nonce != NULL) {
        tree_set_c(claims, "nonce", nonce);
    }
    tree_set_i64(claims, "iat", now_s);
    tree_set_i64(claims, "exp", now_s + 3600);

    struct buf token;
    buf_init(&token, 16384);
    g_id_key_sign(call->g->oauth->key, claims, &token);
    tree_set_str(tree, "id_token", buf_str(&token));
    buf_fini(&token);
    json_decref(claims);
}

static json_t *token_tree(struct g_call *call, const struct g_access *access)
{
    json_t *tree = json_object();
    tree_set_c(tree, "access_token", access->token);
    tree_set_i64(tree, "expires_in", call->g->sim->settings.token_ttl_s - 1);
    tree_set_c(tree, "scope", access->scopes);
    tree_set_c(tree, "token_type", "Bearer");
    return tree;
}

static void exchange(struct g_call *call, struct g_client *client)
{
    struct g_oauth *o = call->g->oauth;
    struct str text = field(call, "code");
    if (text.len == 0) {
        fail(call, 400, "invalid_request", "Missing required parameter: code", NULL);
        return;
    }
    struct g_code *code = map_find(&o->codes, text);
    if (code == NULL || code->expires_at <= sim_now(call->g->sim)) {
        fail(call, 400, "invalid_grant", "Malformed auth code.", NULL);
        return;
    }
    if (code->grant->client != client || code->used ||
        !str_eq_c(field(call, "redirect_uri"), code->redirect_uri) ||
        !verifier_fits(code, field(call, "code_verifier"))) {
        code->used = true; /* a code that was shown with the wrong proof is no secret any more */
        fail(call, 400, "invalid_grant", "Bad Request", NULL);
        return;
    }
    code->used = true;
    struct g_access *access = g_access_new(o, code->grant, str_c(code->scopes));
    json_t *tree = token_tree(call, access);
    if (code->offline) {
        tree_set_c(tree, "refresh_token",
                   g_refresh_new(o, code->grant, str_c(code->scopes))->token);
    }
    add_id_token(call, tree, code->grant, str_c(code->scopes), code->nonce);
    reply(call, 200, tree);
}

static void refresh(struct g_call *call, struct g_client *client)
{
    struct g_oauth *o = call->g->oauth;
    struct str token = field(call, "refresh_token");
    if (token.len == 0) {
        fail(call, 400, "invalid_request", "Missing required parameter: refresh_token", NULL);
        return;
    }
    struct g_refresh *r = g_refresh_live(o, token);
    if (r == NULL || r->grant->client != client) {
        fail(call, 400, "invalid_grant", "Token has been expired or revoked.", NULL);
        return;
    }
    if (r->grant->policy != NULL) {
        const char *policy = r->grant->policy;
        if (strcmp(policy, "admin_policy_enforced") == 0) {
            fail(call, 400, policy, NULL, NULL);
        } else {
            struct str text = arena_strf(call->arena, "reauth related error (%s)", policy);
            fail(call, 400, "invalid_grant", text.ptr, policy);
        }
        return;
    }
    r->used_at = sim_now(call->g->sim);
    struct g_access *access = g_access_new(o, r->grant, str_c(r->scopes));
    json_t *tree = token_tree(call, access);
    add_id_token(call, tree, r->grant, str_c(r->scopes), NULL);
    reply(call, 200, tree);
}

void g_token(struct g_call *call)
{
    struct str type = field(call, "grant_type");
    if (type.len == 0) {
        fail(call, 400, "invalid_request", "Missing required parameter: grant_type", NULL);
        return;
    }
    struct g_client *client = authenticate_client(call);
    if (client == NULL) {
        return;
    }
    if (str_eq_c(type, "authorization_code")) {
        exchange(call, client);
    } else if (str_eq_c(type, "refresh_token")) {
        refresh(call, client);
    } else {
        fail(call, 400, "unsupported_grant_type", "Invalid grant_type", NULL);
    }
}

void g_revoke(struct g_call *call)
{
    struct g_oauth *o = call->g->oauth;
    struct str token = field(call, "token");
    if (token.len == 0) {
        token = g_query(call, "token");
    }
    struct g_refresh *r = g_refresh_live(o, token);
    struct g_access *a = g_access_live(o, token);
    const struct g_grant *grant = r != NULL ? r->grant : a != NULL ? a->grant : NULL;
    if (grant == NULL) {
        fail(call, 400, "invalid_token", "Token expired or revoked", NULL);
        return;
    }
    g_grants_revoke(o, grant->user, grant->client);
    reply(call, 200, json_object());
}

void g_tokeninfo(struct g_call *call)
{
    struct str token = g_query(call, "access_token");
    if (token.len == 0) {
        token = field(call, "access_token");
    }
    const struct g_access *a = g_access_live(call->g->oauth, token);
    if (a == NULL) {
        fail(call, 400, "invalid_token", "Invalid Value", NULL);
        return;
    }
    char text[24];
    int64_t left_s = (a->expires_at - sim_now(call->g->sim)) / 1000;
    json_t *tree = json_object();
    tree_set_c(tree, "azp", a->grant->client->id);
    tree_set_c(tree, "aud", a->grant->client->id);
    tree_set_c(tree, "sub", a->grant->user->sub);
    tree_set_c(tree, "scope", a->scopes);
    snprintf(text, sizeof text, "%" PRId64, (a->expires_at / 1000));
    tree_set_c(tree, "exp", text);
    snprintf(text, sizeof text, "%" PRId64, left_s);
    tree_set_c(tree, "expires_in", text);
    if (a->bits & G_SCOPE_EMAIL) {
        tree_set_c(tree, "email", a->grant->user->email);
        tree_set_c(tree, "email_verified", "true");
    }
    reply(call, 200, tree);
}

void g_userinfo(struct g_call *call)
{
    if (call->user == NULL || !(call->scopes & (G_SCOPE_OPENID | G_SCOPE_EMAIL))) {
        fail(call, 401, "invalid_request", "Invalid Credentials", NULL);
        return;
    }
    json_t *tree = json_object();
    tree_set_c(tree, "sub", call->user->sub);
    if (call->scopes & G_SCOPE_EMAIL) {
        tree_set_c(tree, "email", call->user->email);
        tree_set_bool(tree, "email_verified", true);
    }
    if (call->scopes & G_SCOPE_PROFILE) {
        tree_set_c(tree, "name", call->user->name);
    }
    reply(call, 200, tree);
}

void g_certs(struct g_call *call)
{
    reply(call, 200, g_id_key_set(call->g->oauth->key));
    call->rp->header_count = 0;
    sim_reply_header(call->rp, call->arena, "Cache-Control", STR("public, max-age=3600"));
}
