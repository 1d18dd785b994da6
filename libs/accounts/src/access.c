#include "access_int.h"

#include "crypto/envelope.h"
#include "store/sql.h"

#define TOKEN_MAX_BYTES 16384
#define CALL_MS 30000

struct access *access_new(const struct access_opts *opts)
{
    struct access *a = xcalloc(1, sizeof *a);
    a->opts = *opts;
    a->opts.call_ms = opts->call_ms > 0 ? opts->call_ms : CALL_MS;
    map_init(&a->flights);
    return a;
}

struct access *access_free(struct access *a)
{
    if (a != NULL) {
        BUG_ON(a->flights.len > 0);
        map_fini(&a->flights);
        free(a);
    }
    return NULL;
}

const struct access_provider *access_provider(const struct access *a, struct str name)
{
    for (size_t i = 0; i < a->opts.provider_count; i++) {
        if (str_eq_c(name, a->opts.providers[i].provider->name)) {
            return &a->opts.providers[i];
        }
    }
    return NULL;
}

const struct crypto_keyring *access_token_keys(const struct access *a)
{
    return a->opts.token_keys;
}

struct str access_token_context(struct uuid connection, const char *column, struct arena *arena)
{
    return arena_strf(arena, "connection/%s/%s", UUID_C(connection), column);
}

static enum err_code open_column(struct access *a, struct uuid connection, const char *column,
                                 struct str envelope, struct arena *arena, struct str *ret_plain,
                                 struct err *err)
{
    struct buf plain CLEANUP(buf_fini);
    buf_init(&plain, TOKEN_MAX_BYTES);
    if (envelope.ptr == NULL) {
        *ret_plain = STR("");
        return ERR_OK;
    }
    enum err_code rc = crypto_envelope_open(
        a->opts.token_keys, access_token_context(connection, column, arena), envelope, &plain, err);
    if (rc != ERR_OK) {
        /* A key that is missing is an operator's matter, never the user's. */
        err->act = ERR_ACT_CONFIG;
        return err_wrap(err, "%s", column);
    }
    *ret_plain = arena_str(arena, buf_str(&plain));
    crypto_wipe(plain.ptr, plain.len);
    return ERR_OK;
}

enum err_code access_read_token(struct access *a, struct uuid connection, struct arena *arena,
                                int64_t deadline, struct stored_token *ret_token, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;

    enum err_code rc = pg_acquire(a->opts.pool, deadline, &s, err);
    if (rc != ERR_OK) {
        return rc;
    }
    pg_params_init(&p, arena);
    pg_add_uuid(&p, connection);
    rc = pg_exec(s, &SQL_TOKEN_GET, &p, deadline, arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (pg_row_count(r) == 0) {
        return ERR_SET(err, ERR_NOT_FOUND, "the connection is gone");
    }
    if (!str_eq_c(pg_get_str(r, 0, 6), "active")) {
        return ERR_SET_ACT(err, ERR_AUTH, ERR_ACT_REAUTH,
                           "the connection is to be authorised again");
    }
    struct stored_token t = {.version = pg_get_i64(r, 0, 2),
                             .expires_at = pg_get_time(r, 0, 3),
                             .provider = pg_get_str(r, 0, 4),
                             .has_client = !pg_is_null(r, 0, 5),
                             .client = pg_get_uuid(r, 0, 5)};
    rc = open_column(a, connection, "access_token", pg_get_str(r, 0, 0), arena, &t.access, err);
    if (rc == ERR_OK) {
        rc = open_column(a, connection, "refresh_token", pg_get_str(r, 0, 1), arena, &t.refresh,
                         err);
    }
    if (rc == ERR_OK) {
        *ret_token = t;
    }
    return rc;
}

enum err_code access_open(struct access *a, struct uuid connection, struct arena *arena,
                          int64_t deadline, struct access_session *ret_session, struct err *err)
{
    struct stored_token t;
    enum err_code rc = access_read_token(a, connection, arena, deadline, &t, err);
    if (rc != ERR_OK) {
        return rc;
    }
    const struct access_provider *p = access_provider(a, t.provider);
    if (p == NULL) {
        return ERR_SET_ACT(err, ERR_UNSUPPORTED, ERR_ACT_CONFIG, "provider %.*s is not configured",
                           STR_ARG(t.provider));
    }
    *ret_session =
        (struct access_session){.provider = p->provider, .access = a, .connection = connection};
    ret_session->session = (struct provider_session){
        .link = (struct provider_link *)(uintptr_t)&p->link,
        .arena = arena,
        .token = access_give_token,
        .ctx = ret_session,
    };
    if (t.access.len > 0 && t.expires_at > co_wall_now() + 60000) {
        ret_session->session.access_token = t.access;
    }
    return ERR_OK;
}

enum err_code access_client(struct access *a, struct str provider, const struct uuid *oauth_client,
                            struct arena *arena, int64_t deadline,
                            struct provider_client *ret_client, struct err *err)
{
    const struct access_provider *p = access_provider(a, provider);
    if (p == NULL) {
        return ERR_SET_ACT(err, ERR_UNSUPPORTED, ERR_ACT_CONFIG, "provider %.*s is not configured",
                           STR_ARG(provider));
    }
    *ret_client = p->client;
    if (oauth_client == NULL) {
        return ERR_OK;
    }
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct buf secret CLEANUP(buf_fini);
    const struct pg_result *r;
    struct pg_params params;
    buf_init(&secret, TOKEN_MAX_BYTES);
    pg_params_init(&params, arena);
    pg_add_uuid(&params, *oauth_client);
    enum err_code rc = pg_acquire(a->opts.pool, deadline, &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_OAUTH_CLIENT_GET, &params, deadline, arena, &r, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    if (pg_row_count(r) == 0) {
        return ERR_SET_ACT(err, ERR_NOT_FOUND, ERR_ACT_CONFIG, "the organisation's client is gone");
    }
    rc = crypto_envelope_open(a->opts.token_keys,
                              arena_strf(arena, "oauth_client/%s/secret", UUID_C(*oauth_client)),
                              pg_get_str(r, 0, 1), &secret, err);
    if (rc == ERR_OK) {
        ret_client->id = pg_get_str(r, 0, 0);
        ret_client->secret = arena_str(arena, buf_str(&secret));
    }
    return rc;
}
