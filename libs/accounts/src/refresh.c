/* A token that is not the refused one: read again, waited for, or refreshed. */
#include "access_int.h"

#include "crypto/envelope.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"
#include "store/sql.h"

#define TOKEN_MAX_BYTES 16384
/* The lease outlives the call that it covers, so that nobody refreshes beside it. */
#define LEASE_EXTRA_MS 10000
#define LEASE_POLL_MS 200
#define SOON_MS 60000 /* what expires sooner is not worth using */

static bool is_usable(const struct stored_token *t, struct str refused)
{
    return t->access.len > 0 && !str_eq(t->access, refused) &&
           t->expires_at > co_wall_now() + SOON_MS;
}

static enum err_code take_lease(struct access *a, struct uuid connection, struct uuid holder,
                                struct arena *arena, int64_t deadline, bool *ret_taken,
                                struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_text(&p, STR("refresh"));
    pg_add_uuid(&p, connection);
    pg_add_uuid(&p, holder);
    pg_add_i64(&p, a->opts.call_ms + LEASE_EXTRA_MS);
    enum err_code rc = pg_acquire(a->opts.pool, deadline, &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_TOKEN_LEASE, &p, deadline, arena, &r, err);
    }
    if (rc == ERR_OK) {
        *ret_taken = pg_row_count(r) > 0;
    }
    return rc;
}

static void release_lease(struct access *a, struct uuid connection, struct uuid holder,
                          struct arena *arena)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct pg_params p;
    struct err err;
    int64_t deadline = co_after(2000);
    pg_params_init(&p, arena);
    pg_add_text(&p, STR("refresh"));
    pg_add_uuid(&p, connection);
    pg_add_uuid(&p, holder);
    if (pg_acquire(a->opts.pool, deadline, &s, &err) != ERR_OK ||
        pg_exec(s, &SQL_TOKEN_RELEASE, &p, deadline, arena, NULL, &err) != ERR_OK) {
        /* It runs out by itself. */
        LOG_DEBUG("token.lease.kept", "lease not given back", F_UUID("conn", connection),
                  F_ERR(&err));
    }
}

static void add_sealed(struct pg_params *p, struct access *a, struct uuid connection,
                       const char *column, struct str plain, struct arena *arena)
{
    struct buf envelope CLEANUP(buf_fini);
    buf_init(&envelope, 4 * TOKEN_MAX_BYTES);
    if (plain.len == 0) {
        pg_add_null(p);
        return;
    }
    crypto_envelope_seal(a->opts.token_keys, access_token_context(connection, column, arena), plain,
                         &envelope);
    pg_add_text(p, buf_str(&envelope));
}

/* Stored before anybody uses it. ret_stored: false where another version was there first. */
static enum err_code store_token(struct access *a, struct uuid connection, int64_t version,
                                 const struct provider_tokens *tokens, struct arena *arena,
                                 int64_t deadline, bool *ret_stored, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, connection);
    pg_add_i64(&p, version);
    add_sealed(&p, a, connection, "access_token", tokens->access_token, arena);
    add_sealed(&p, a, connection, "refresh_token", tokens->refresh_token, arena);
    pg_add_time(&p, tokens->expires_at);
    if (tokens->refresh_token.len > 0) {
        pg_add_i64(&p, crypto_keyring_current(a->opts.token_keys)->id);
    } else {
        pg_add_null(&p);
    }
    enum err_code rc = pg_acquire(a->opts.pool, deadline, &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_TOKEN_STORE, &p, deadline, arena, &r, err);
    }
    if (rc == ERR_OK) {
        *ret_stored = pg_row_count(r) > 0;
    }
    return rc;
}

static void mark_refused(struct access *a, struct uuid connection, int64_t version,
                         const struct err *why, struct arena *arena)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    struct pg_params p;
    struct err err;
    int64_t deadline = co_after(5000);
    pg_params_init(&p, arena);
    pg_add_uuid(&p, connection);
    pg_add_i64(&p, version);
    pg_add_text(&p, str_c(why->text));
    if (pg_acquire(a->opts.pool, deadline, &s, &err) != ERR_OK ||
        pg_exec(s, &SQL_TOKEN_REFUSED, &p, deadline, arena, NULL, &err) != ERR_OK) {
        LOG_WARN("token.refused.unsaved", "refused grant not written down",
                 F_UUID("conn", connection), F_ERR(&err));
    }
}

static enum err_code refresh(struct access *a, struct uuid connection, struct str refused,
                             struct arena *arena, struct str *ret_token, struct err *err)
{
    struct stored_token t;
    struct provider_client client;
    struct provider_tokens tokens;
    bool stored = false;
    int64_t deadline = co_after(a->opts.call_ms);

    enum err_code rc = access_read_token(a, connection, arena, deadline, &t, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (is_usable(&t, refused)) {
        *ret_token = t.access; /* another process was faster */
        return ERR_OK;
    }
    const struct access_provider *p = access_provider(a, t.provider);
    if (p == NULL || t.refresh.len == 0) {
        return ERR_SET_ACT(err, ERR_AUTH, ERR_ACT_REAUTH, "there is no refresh token");
    }
    rc = access_client(a, t.provider, t.has_client ? &t.client : NULL, arena, deadline, &client,
                       err);
    if (rc == ERR_OK) {
        rc = failpoint("token.before_refresh", err);
    }
    if (rc == ERR_OK) {
        rc = p->provider->refresh((struct provider_link *)(uintptr_t)&p->link, &client, t.refresh,
                                  deadline, arena, &tokens, err);
    }
    if (rc != ERR_OK) {
        if (err->act == ERR_ACT_REAUTH) {
            mark_refused(a, connection, t.version, err, arena);
        }
        metric_inc(METRIC_TOKEN_REFRESHES, err_code_name(rc));
        return rc;
    }
    rc = failpoint("token.after_refresh", err);
    if (rc == ERR_OK) {
        rc = store_token(a, connection, t.version, &tokens, arena, co_after(10000), &stored, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    metric_inc(METRIC_TOKEN_REFRESHES, stored ? "ok" : "superseded");
    if (!stored) { /* a consent was renewed meanwhile: its token is the better one */
        rc = access_read_token(a, connection, arena, co_after(5000), &t, err);
        *ret_token = t.access;
        return rc;
    }
    *ret_token = tokens.access_token;
    return ERR_OK;
}

/* Waits until nobody else refreshes, or the stored token is good. */
static enum err_code refresh_leased(struct access *a, struct uuid connection, struct str refused,
                                    struct arena *arena, int64_t deadline, struct str *ret_token,
                                    struct err *err)
{
    struct uuid holder = uuid_random();
    while (true) {
        bool taken = false;
        struct stored_token t;
        enum err_code rc = take_lease(a, connection, holder, arena, deadline, &taken, err);
        if (rc != ERR_OK) {
            return rc;
        }
        if (taken) {
            rc = refresh(a, connection, refused, arena, ret_token, err);
            release_lease(a, connection, holder, arena);
            return rc;
        }
        rc = access_read_token(a, connection, arena, deadline, &t, err);
        if (rc != ERR_OK) {
            return rc;
        }
        if (is_usable(&t, refused)) {
            *ret_token = t.access;
            return ERR_OK;
        }
        if (co_now() >= deadline) {
            return ERR_SET_ACT(err, ERR_TIMEOUT, ERR_ACT_RETRY, "another process refreshes");
        }
        rc = co_sleep(LEASE_POLL_MS, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
}

static void leave_flight(struct access *a, struct uuid connection, struct flight *f)
{
    if (--f->users == 0) {
        map_remove(&a->flights, uuid_bytes(&connection));
        free(f);
    }
}

enum err_code access_give_token(void *ctx, struct str refused, int64_t deadline,
                                struct arena *arena, struct str *ret_token, struct err *err)
{
    struct access_session *session = ctx;
    struct access *a = session->access;
    struct uuid connection = session->connection;
    struct flight *f = map_find(&a->flights, uuid_bytes(&connection));
    enum err_code rc = ERR_OK;

    if (f != NULL && !f->ended) {
        f->users++;
        rc = co_signal_wait(&f->done, deadline, err);
        leave_flight(a, connection, f);
        struct stored_token t;
        if (rc == ERR_OK) {
            rc = access_read_token(a, connection, arena, deadline, &t, err);
        }
        if (rc == ERR_OK && !is_usable(&t, refused)) {
            rc = ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "the token was not refreshed");
        }
        if (rc == ERR_OK) {
            *ret_token = t.access;
        }
        return rc;
    }
    if (f == NULL) {
        f = xcalloc(1, sizeof *f);
        co_signal_init(&f->done);
        map_put(&a->flights, uuid_bytes(&connection), f);
    }
    f->users++;
    f->ended = false;
    rc = refresh_leased(a, connection, refused, arena, deadline, ret_token, err);
    f->ended = true;
    co_signal_raise(&f->done);
    leave_flight(a, connection, f);
    return rc;
}
