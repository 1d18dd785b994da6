/* Google's OAuth 2.0: clients, grants, codes, tokens, and the pages and endpoints over them. */
#ifndef SIMULATOR_GOOGLE_OAUTH_H
#define SIMULATOR_GOOGLE_OAUTH_H

#include "simulator/google/call.h"
#include "simulator/google/scopes.h"

#define G_CODE_LIFE_MS (10 * 60 * 1000)
#define G_REFRESH_TOKENS_MAX 100 /* live ones for a person and client; the oldest is dropped */
#define G_REFRESH_UNUSED_MS (180LL * 24 * 3600 * 1000)
#define G_REFRESH_TESTING_MS (7LL * 24 * 3600 * 1000)
#define G_DEFAULT_CLIENT_ID "calfleet-dev.apps.googleusercontent.com"
#define G_DEFAULT_CLIENT_SECRET "calfleet-dev-secret"

struct g_client {
    char *id;
    char *secret;
    char *project;
    VEC(char *) redirects; /* none: any is right */
    struct list link;
};

/* One person's consent to one client. */
struct g_grant {
    struct g_user *user;
    struct g_client *client;
    char *scopes; /* all that were ever granted */
    char *policy; /* NULL, or the error that a refresh gets: "invalid_rapt", ... */
    struct list refreshes;
    size_t refresh_count;
    struct list link;
};

struct g_refresh {
    char *token;
    char *scopes;
    struct g_grant *grant;
    int64_t issued_at;
    int64_t used_at;
    struct list in_grant;
};

struct g_access {
    char *token;
    char *scopes;
    uint32_t bits;
    struct g_grant *grant;
    int64_t expires_at;
    struct list link; /* oldest first */
};

struct g_code {
    char *code;
    char *redirect_uri;
    char *challenge; /* NULL: no PKCE */
    char *nonce;     /* NULL: none */
    char *scopes;
    bool plain;   /* challenge is the verifier itself */
    bool offline; /* a refresh token is due */
    bool used;
    struct g_grant *grant;
    int64_t expires_at;
    struct list link;
};

struct g_id_key;

struct g_oauth {
    struct google *g;
    struct list clients;
    struct list grants;
    struct map refreshes; /* token -> struct g_refresh */
    struct map accesses;
    struct list access_order;
    struct map codes;
    struct list code_order;
    struct g_id_key *key;
};

struct g_oauth *g_oauth_new(struct google *g);
struct g_oauth *g_oauth_free(struct g_oauth *o);
/* Every grant, code and token; clients and key stay. */
void g_oauth_forget(struct g_oauth *o);

struct g_client *g_client_find(const struct g_oauth *o, struct str id);
/* Replaces secret and project of one that is there. */
struct g_client *g_client_add(struct g_oauth *o, struct str id, struct str secret,
                              struct str project);
bool g_client_allows_redirect(const struct g_client *c, struct str uri);

/* NULL if there is none. */
struct g_grant *g_grant_find(const struct g_oauth *o, const struct g_user *user,
                             const struct g_client *client);
struct g_grant *g_grant_get(struct g_oauth *o, struct g_user *user, struct g_client *client);
void g_grant_add_scopes(struct g_grant *grant, struct str scopes);
/* Ends everything that the person granted to the client's project. */
void g_grants_revoke(struct g_oauth *o, const struct g_user *user, const struct g_client *client);

struct g_code *g_code_new(struct g_oauth *o, struct g_grant *grant, struct str scopes);
struct g_refresh *g_refresh_new(struct g_oauth *o, struct g_grant *grant, struct str scopes);
void g_refresh_end(struct g_oauth *o, struct g_refresh *r);
/* Dead ones (unused for six months, testing mode's seven days) are NULL. */
struct g_refresh *g_refresh_live(struct g_oauth *o, struct str token);
struct g_access *g_access_new(struct g_oauth *o, struct g_grant *grant, struct str scopes);
struct g_access *g_access_live(const struct g_oauth *o, struct str token);
/* Every access token of the person ends now; refresh tokens stay. NULL: of everybody. */
void g_access_expire(struct g_oauth *o, const struct g_user *user);

/* ---- endpoints ----------------------------------------------------------------------------- */

void g_auth_page(struct g_call *call);    /* GET  /o/oauth2/v2/auth */
void g_auth_consent(struct g_call *call); /* POST /o/oauth2/v2/auth: the form's answer */
void g_token(struct g_call *call);
void g_revoke(struct g_call *call);
void g_tokeninfo(struct g_call *call);
void g_userinfo(struct g_call *call);
void g_certs(struct g_call *call);

/* ---- ID tokens ----------------------------------------------------------------------------- */

/* A fresh RSA key. */
struct g_id_key *g_id_key_new(void);
struct g_id_key *g_id_key_free(struct g_id_key *key);
/* Appends the JWT, RS256. */
void g_id_key_sign(const struct g_id_key *key, const json_t *claims, struct buf *out);
/* A new JWK set. */
json_t *g_id_key_set(const struct g_id_key *key);

#endif
