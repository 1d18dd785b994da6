/* A consent's beginning: the provider's page, and what is kept until the browser comes back. */
#include "connect.h"

#include "base/encode.h"
#include "crypto/envelope.h"
#include "observe/log.h"
#include "store/sql.h"

#define FLOW_MS 600000   /* Google's consent page has no bound of its own */
#define RANDOM_BYTES 32  /* of state and verifier: 43 characters, the least of RFC 7636 4.1 */
#define SEALED_MAX 1024  /* a sealed verifier */
#define CONSENT_MAX 8192 /* an address that browsers take */

struct str flow_verifier_context(struct uuid flow, struct arena *arena)
{
    return arena_strf(arena, "flow/%s/verifier", UUID_C(flow));
}

static struct str base64url(struct arena *arena, struct str bytes)
{
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, 256);
    base64url_encode(&text, bytes);
    return arena_str(arena, buf_str(&text));
}

struct str flow_nonce(struct str verifier, struct arena *arena)
{
    uint8_t mac[CRYPTO_SHA256_LEN];
    crypto_hmac_sha256(verifier, STR("nonce"), mac);
    return base64url(arena, (struct str){(const char *)mac, sizeof mac});
}

static struct str random_text(struct arena *arena)
{
    uint8_t bytes[RANDOM_BYTES];
    crypto_random(bytes, sizeof bytes);
    struct str text = base64url(arena, (struct str){(const char *)bytes, sizeof bytes});
    crypto_wipe(bytes, sizeof bytes);
    return text;
}

struct start {
    struct command *c;
    const struct access_provider *provider;
    struct uuid flow;
    struct uuid organization;
    bool has_client;
    struct uuid client_row; /* the organisation's own OAuth client */
    struct provider_client client;
    struct str state;
    struct str verifier;
    struct str nonce;
};

/* Who it is for, and whether the caller may. */
static enum err_code resolve(struct start *x, const struct message_oauth_start *m,
                             bool *ret_goes_on, struct err *err)
{
    struct command *c = x->c;
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    enum err_code rc = pg_acquire(command_worker(c)->parts.pool, co_after(COMMAND_DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = command_organization(
            c, s, MESSAGE_HAS(oauth_start, m, organization) ? &m->organization : NULL, ret_goes_on,
            &x->organization, err);
    }
    if (rc == ERR_OK && *ret_goes_on) {
        rc = command_may(c, s, x->organization, PERMISSION_CONNECT, ret_goes_on, err);
    }
    if (rc != ERR_OK || !*ret_goes_on) {
        return rc;
    }
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, x->organization);
    pg_add_text(&p, m->provider);
    rc = pg_exec(s, &SQL_OAUTH_CLIENT_OF_ORGANIZATION, &p, co_after(COMMAND_DB_MS), c->arena, &r,
                 err);
    if (rc == ERR_OK && pg_row_count(r) > 0) {
        x->has_client = true;
        x->client_row = pg_get_uuid(r, 0, 0);
    }
    return rc;
}

static enum err_code store_flow(struct start *x, const struct pg_result **ret_row, struct err *err)
{
    struct command *c = x->c;
    struct buf sealed CLEANUP(buf_fini);
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    uint8_t state_hash[CRYPTO_SHA256_LEN];
    uint8_t nonce_hash[CRYPTO_SHA256_LEN];
    struct pg_params p;

    buf_init(&sealed, SEALED_MAX);
    crypto_envelope_seal(access_token_keys(command_worker(c)->parts.access),
                         flow_verifier_context(x->flow, c->arena), x->verifier, &sealed);
    crypto_sha256(x->state, state_hash);
    crypto_sha256(x->nonce, nonce_hash);
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, x->flow);
    pg_add_bytea(&p, (struct str){(const char *)state_hash, sizeof state_hash});
    pg_add_uuid(&p, x->organization);
    pg_add_uuid(&p, c->caller.user);
    pg_add_text(&p, str_c(x->provider->provider->name));
    if (x->has_client) {
        pg_add_uuid(&p, x->client_row);
    } else {
        pg_add_null(&p);
    }
    pg_add_text(&p, buf_str(&sealed));
    pg_add_bytea(&p, (struct str){(const char *)nonce_hash, sizeof nonce_hash});
    pg_add_text(&p, x->client.redirect_uri);
    pg_add_i64(&p, FLOW_MS);
    enum err_code rc = pg_acquire(command_worker(c)->parts.pool, co_after(COMMAND_DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_FLOW_START, &p, co_after(COMMAND_DB_MS), c->arena, ret_row, err);
    }
    return rc;
}

static enum err_code answer(struct start *x, const struct message_oauth_start *m,
                            const struct pg_result *row, struct err *err)
{
    struct buf url CLEANUP(buf_fini);
    uint8_t challenge[CRYPTO_SHA256_LEN];
    buf_init(&url, CONSENT_MAX);
    crypto_sha256(x->verifier, challenge);
    struct provider_consent consent = {
        .client = &x->client,
        .state = x->state,
        .code_challenge =
            base64url(x->c->arena, (struct str){(const char *)challenge, sizeof challenge}),
        .nonce = x->nonce,
        .login_hint = MESSAGE_HAS(oauth_start, m, login_hint) ? m->login_hint : STR("")};
    enum err_code rc =
        x->provider->provider->consent_url(&x->provider->link.ends, &consent, &url, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct json_writer w = {.out = &x->c->body};
    json_open(&w, '{');
    json_member_str(&w, "consent_url", buf_str(&url));
    command_member_time(&w, "state_expires_at", row, 0, 0);
    json_close(&w, '}');
    x->c->status = 200;
    return ERR_OK;
}

enum err_code command_oauth_start(struct command *c, const void *message, struct err *err)
{
    const struct message_oauth_start *m = message;
    struct start x = {.c = c,
                      .flow = uuid_random(),
                      .provider = access_provider(command_worker(c)->parts.access, m->provider)};
    const struct pg_result *row;
    bool goes_on = false;

    if (x.provider == NULL) {
        return command_refuse(c, 400, "unsupported_provider", "This provider is not set up here.");
    }
    enum err_code rc = resolve(&x, m, &goes_on, err);
    if (rc != ERR_OK || !goes_on) {
        return rc;
    }
    rc = access_client(command_worker(c)->parts.access, m->provider,
                       x.has_client ? &x.client_row : NULL, c->arena, co_after(COMMAND_DB_MS),
                       &x.client, err);
    if (rc != ERR_OK) {
        return rc;
    }
    x.state = random_text(c->arena);
    x.verifier = random_text(c->arena);
    x.nonce = flow_nonce(x.verifier, c->arena);
    rc = store_flow(&x, &row, err);
    if (rc == ERR_OK) {
        rc = answer(&x, m, row, err);
    }
    return rc;
}
