#include "simulator/google/oauth.h"

#include "crypto/crypto.h"

static char *dup(struct str s)
{
    char *copy = xmalloc(s.len + 1);
    memcpy(copy, s.len > 0 ? s.ptr : "", s.len);
    copy[s.len] = 0;
    return copy;
}

/* prefix and 32 random bytes. */
static char *mint(const char *prefix)
{
    uint8_t bytes[32];
    struct buf text;
    buf_init(&text, 128);
    crypto_random(bytes, sizeof bytes);
    buf_add_c(&text, prefix);
    base64url_encode(&text, (struct str){(const char *)bytes, sizeof bytes});
    return buf_take(&text, NULL);
}

struct g_oauth *g_oauth_new(struct google *g)
{
    struct g_oauth *o = xcalloc(1, sizeof *o);
    o->g = g;
    list_init(&o->clients);
    list_init(&o->grants);
    list_init(&o->access_order);
    list_init(&o->code_order);
    map_init(&o->refreshes);
    map_init(&o->accesses);
    map_init(&o->codes);
    o->key = g_id_key_new();
    g_client_add(o, STR(G_DEFAULT_CLIENT_ID), STR(G_DEFAULT_CLIENT_SECRET), STR("calfleet-dev"));
    return o;
}

/* ---- clients ------------------------------------------------------------------------------- */

struct g_client *g_client_find(const struct g_oauth *o, struct str id)
{
    list_foreach (node, &o->clients) {
        struct g_client *c = LIST_ENTRY(node, struct g_client, link);
        if (str_eq_c(id, c->id)) {
            return c;
        }
    }
    return NULL;
}

struct g_client *g_client_add(struct g_oauth *o, struct str id, struct str secret,
                              struct str project)
{
    struct g_client *c = g_client_find(o, id);
    if (c == NULL) {
        c = xcalloc(1, sizeof *c);
        c->id = dup(id);
        list_push(&o->clients, &c->link);
    }
    free(c->secret);
    free(c->project);
    c->secret = dup(secret);
    c->project = dup(project.len > 0 ? project : id);
    return c;
}

bool g_client_allows_redirect(const struct g_client *c, struct str uri)
{
    for (size_t i = 0; i < c->redirects.len; i++) {
        if (str_eq_c(uri, c->redirects.ptr[i])) {
            return true;
        }
    }
    return c->redirects.len == 0 &&
           (str_starts(uri, STR("https://")) || str_starts(uri, STR("http://")));
}

/* ---- tokens -------------------------------------------------------------------------------- */

static void access_end(struct g_oauth *o, struct g_access *a)
{
    map_remove(&o->accesses, str_c(a->token));
    list_remove(&a->link);
    free(a->token);
    free(a->scopes);
    free(a);
}

/* The oldest that are over: the list stays as long as the tokens that live. */
static void access_sweep(struct g_oauth *o)
{
    int64_t now = sim_now(o->g->sim);
    while (!list_empty(&o->access_order)) {
        struct g_access *a = LIST_ENTRY(o->access_order.next, struct g_access, link);
        if (a->expires_at > now) {
            return;
        }
        access_end(o, a);
    }
}

struct g_access *g_access_new(struct g_oauth *o, struct g_grant *grant, struct str scopes)
{
    access_sweep(o);
    struct g_access *a = xcalloc(1, sizeof *a);
    a->token = mint("ya29.a0");
    a->scopes = dup(scopes);
    a->bits = g_scopes_bits(scopes);
    a->grant = grant;
    a->expires_at = sim_now(o->g->sim) + o->g->sim->settings.token_ttl_s * 1000;
    list_push(&o->access_order, &a->link);
    map_put(&o->accesses, str_c(a->token), a);
    return a;
}

struct g_access *g_access_live(const struct g_oauth *o, struct str token)
{
    struct g_access *a = map_find(&o->accesses, token);
    return a != NULL && a->expires_at > sim_now(o->g->sim) ? a : NULL;
}

void g_access_expire(struct g_oauth *o, const struct g_user *user)
{
    list_foreach_safe (node, &o->access_order) {
        struct g_access *a = LIST_ENTRY(node, struct g_access, link);
        if (user == NULL || a->grant->user == user) {
            access_end(o, a);
        }
    }
}

void g_refresh_end(struct g_oauth *o, struct g_refresh *r)
{
    map_remove(&o->refreshes, str_c(r->token));
    list_remove(&r->in_grant);
    r->grant->refresh_count--;
    free(r->token);
    free(r->scopes);
    free(r);
}

struct g_refresh *g_refresh_new(struct g_oauth *o, struct g_grant *grant, struct str scopes)
{
    if (grant->refresh_count >= G_REFRESH_TOKENS_MAX) {
        g_refresh_end(o, LIST_ENTRY(grant->refreshes.next, struct g_refresh, in_grant));
    }
    struct g_refresh *r = xcalloc(1, sizeof *r);
    r->token = mint("1//0g");
    r->scopes = dup(scopes);
    r->grant = grant;
    r->issued_at = r->used_at = sim_now(o->g->sim);
    list_push(&grant->refreshes, &r->in_grant);
    grant->refresh_count++;
    map_put(&o->refreshes, str_c(r->token), r);
    return r;
}

struct g_refresh *g_refresh_live(struct g_oauth *o, struct str token)
{
    struct g_refresh *r = map_find(&o->refreshes, token);
    int64_t now = sim_now(o->g->sim);
    if (r == NULL) {
        return NULL;
    }
    if (now - r->used_at > G_REFRESH_UNUSED_MS ||
        (o->g->modes.testing && now - r->issued_at > G_REFRESH_TESTING_MS)) {
        g_refresh_end(o, r);
        return NULL;
    }
    return r;
}

/* ---- codes --------------------------------------------------------------------------------- */

static void code_end(struct g_oauth *o, struct g_code *c)
{
    map_remove(&o->codes, str_c(c->code));
    list_remove(&c->link);
    free(c->code);
    free(c->redirect_uri);
    free(c->challenge);
    free(c->nonce);
    free(c->scopes);
    free(c);
}

struct g_code *g_code_new(struct g_oauth *o, struct g_grant *grant, struct str scopes)
{
    int64_t now = sim_now(o->g->sim);
    while (!list_empty(&o->code_order)) {
        struct g_code *oldest = LIST_ENTRY(o->code_order.next, struct g_code, link);
        if (oldest->expires_at > now) {
            break;
        }
        code_end(o, oldest);
    }
    struct g_code *c = xcalloc(1, sizeof *c);
    c->code = mint("4/0A");
    c->grant = grant;
    c->scopes = dup(scopes);
    c->expires_at = now + G_CODE_LIFE_MS;
    list_push(&o->code_order, &c->link);
    map_put(&o->codes, str_c(c->code), c);
    return c;
}

/* ---- grants -------------------------------------------------------------------------------- */

struct g_grant *g_grant_find(const struct g_oauth *o, const struct g_user *user,
                             const struct g_client *client)
{
    list_foreach (node, &o->grants) {
        struct g_grant *grant = LIST_ENTRY(node, struct g_grant, link);
        if (grant->user == user && grant->client == client) {
            return grant;
        }
    }
    return NULL;
}

struct g_grant *g_grant_get(struct g_oauth *o, struct g_user *user, struct g_client *client)
{
    struct g_grant *grant = g_grant_find(o, user, client);
    if (grant == NULL) {
        grant = xcalloc(1, sizeof *grant);
        grant->user = user;
        grant->client = client;
        grant->scopes = xstrdup("");
        list_init(&grant->refreshes);
        list_push(&o->grants, &grant->link);
    }
    return grant;
}

void g_grant_add_scopes(struct g_grant *grant, struct str scopes)
{
    struct buf all;
    struct str name;
    buf_init(&all, 16384);
    buf_add_c(&all, grant->scopes);
    while (str_split(&scopes, ' ', &name)) {
        g_scopes_add(&all, name);
    }
    free(grant->scopes);
    grant->scopes = dup(buf_str(&all));
    buf_fini(&all);
}

static void grant_end(struct g_oauth *o, struct g_grant *grant)
{
    list_foreach_safe (node, &o->access_order) {
        struct g_access *a = LIST_ENTRY(node, struct g_access, link);
        if (a->grant == grant) {
            access_end(o, a);
        }
    }
    list_foreach_safe (node2, &o->code_order) {
        struct g_code *c = LIST_ENTRY(node2, struct g_code, link);
        if (c->grant == grant) {
            code_end(o, c);
        }
    }
    while (!list_empty(&grant->refreshes)) {
        g_refresh_end(o, LIST_ENTRY(grant->refreshes.next, struct g_refresh, in_grant));
    }
    list_remove(&grant->link);
    free(grant->scopes);
    free(grant->policy);
    free(grant);
}

void g_grants_revoke(struct g_oauth *o, const struct g_user *user, const struct g_client *client)
{
    list_foreach_safe (node, &o->grants) {
        struct g_grant *grant = LIST_ENTRY(node, struct g_grant, link);
        if ((user == NULL || grant->user == user) &&
            (client == NULL || strcmp(grant->client->project, client->project) == 0)) {
            grant_end(o, grant);
        }
    }
}

void g_oauth_forget(struct g_oauth *o)
{
    g_grants_revoke(o, NULL, NULL);
}

struct g_oauth *g_oauth_free(struct g_oauth *o)
{
    g_oauth_forget(o);
    while (!list_empty(&o->clients)) {
        struct g_client *c = LIST_ENTRY(o->clients.next, struct g_client, link);
        list_remove(&c->link);
        for (size_t i = 0; i < c->redirects.len; i++) {
            free(c->redirects.ptr[i]);
        }
        vec_fini(&c->redirects);
        free(c->id);
        free(c->secret);
        free(c->project);
        free(c);
    }
    map_fini(&o->refreshes);
    map_fini(&o->accesses);
    map_fini(&o->codes);
    g_id_key_free(o->key);
    free(o);
    return NULL;
}
