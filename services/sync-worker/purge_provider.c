/* A purge at the provider: channels are stopped, then the grant is revoked. A provider that cannot
 * be reached holds it up for a while, not for ever: channels run out by themselves, and a grant
 * that could not be revoked is the person's to end. */
#include "purge.h"

#include "commands.h"
#include "crypto/envelope.h"
#include "observe/log.h"
#include "runtime/failpoint.h"
#include "store/sql.h"

#define PATIENCE 6 /* failed attempts after which the rest is done without the provider */
#define TOKEN_MAX_BYTES 16384
#define SOON_MS 60000
#define CALL_MS 15000
#define LEASE_MS 30000 /* outlives the call */

/* ---- tokens --------------------------------------------------------------------------------- */

/* Empty: there is none, or none that opens. */
static struct str open_sealed(struct purge *x, const char *column, struct str sealed)
{
    struct buf plain CLEANUP(buf_fini);
    struct err err;
    buf_init(&plain, TOKEN_MAX_BYTES);
    if (sealed.ptr == NULL) {
        return STR("");
    }
    if (crypto_envelope_open(access_token_keys(x->worker->parts.access),
                             access_token_context(x->connection, column, x->arena), sealed, &plain,
                             &err) != ERR_OK) {
        LOG_WARN("purge.token.closed", "a token that a connection left does not open",
                 F_UUID("conn", x->connection), F_ERR(&err));
        return STR("");
    }
    struct str token = arena_str(x->arena, buf_str(&plain));
    crypto_wipe(plain.ptr, plain.len);
    return token;
}

/* provider_token_fn: a refreshed one, which is nobody's to store. ctx: the purge. */
static enum err_code give_token(void *ctx, struct str refused UNUSED, int64_t deadline,
                                struct arena *arena, struct str *ret_token, struct err *err)
{
    struct purge *x = ctx;
    const struct access_provider *p = access_provider(x->worker->parts.access, x->provider);
    struct str refresh = open_sealed(x, "refresh_token", x->refresh_sealed);
    struct provider_client client;
    struct provider_tokens tokens;
    if (refresh.len == 0) {
        return ERR_SET_ACT(err, ERR_AUTH, ERR_ACT_REAUTH, "there is no token left");
    }
    enum err_code rc =
        access_client(x->worker->parts.access, x->provider, x->has_client ? &x->client_row : NULL,
                      arena, deadline, &client, err);
    if (rc == ERR_OK) {
        rc = p->provider->refresh((struct provider_link *)(uintptr_t)&p->link, &client, refresh,
                                  deadline, arena, &tokens, err);
    }
    if (rc == ERR_OK) {
        *ret_token = tokens.access_token;
    }
    return rc;
}

/* What a purge reaches the provider with: a connection that is gone by the tokens it left, one that
 * is still there by its own. */
static enum err_code open_session(struct purge *x, const struct access_provider *p,
                                  struct access_session *ret, struct err *err)
{
    if (!x->whole) {
        return access_open(x->worker->parts.access, x->connection, x->arena, co_after(10000), ret,
                           err);
    }
    *ret = (struct access_session){
        .provider = p->provider, .access = x->worker->parts.access, .connection = x->connection};
    ret->session = (struct provider_session){.link = (struct provider_link *)(uintptr_t)&p->link,
                                             .arena = x->arena,
                                             .token = give_token,
                                             .ctx = x};
    if (x->expires_at > co_wall_now() + SOON_MS) {
        ret->session.access_token = open_sealed(x, "access_token", x->access_sealed);
    }
    return ERR_OK;
}

/* ---- channels ------------------------------------------------------------------------------- */

/* Worth another attempt, and not yet too often tried. */
static bool holds_up(const struct purge *x, const struct err *why)
{
    return x->attempts < PATIENCE &&
           (why->act == ERR_ACT_RETRY || why->code == ERR_TIMEOUT || why->code == ERR_CANCELED);
}

static enum err_code stop_one(struct purge *x, struct access_session *access,
                              const struct pg_result *r, size_t row, struct err *err)
{
    struct pg_params p;
    struct provider_channel channel = {.channel_id = pg_get_str(r, row, 1),
                                       .resource_id = pg_get_str(r, row, 2),
                                       .expires_at = pg_get_time(r, row, 3)};
    bool opened = channel.resource_id.ptr != NULL;
    bool lives = pg_is_null(r, row, 3) || channel.expires_at > co_wall_now();
    if (access != NULL && opened && lives &&
        access->provider->unwatch(&access->session, &channel, co_after(CALL_MS), err) != ERR_OK &&
        holds_up(x, err)) {
        return err->code;
    }
    pg_params_init(&p, x->arena);
    pg_add_i64(&p, pg_get_i64(r, row, 0));
    return purge_exec(x, &SQL_CHANNEL_DROP, &p, NULL, err);
}

enum err_code purge_stop_channels(struct purge *x, struct err *err)
{
    const struct access_provider *provider = access_provider(x->worker->parts.access, x->provider);
    struct access_session access;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, x->arena);
    pg_add_uuid(&p, x->account);
    pg_add_i64_array(&p, x->calendars, NULL, x->calendar_count);
    enum err_code rc = purge_exec(x, &SQL_PURGE_CHANNELS, &p, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    bool reachable = false;
    if (pg_row_count(r) > 0 && provider != NULL) {
        reachable = open_session(x, provider, &access, err) == ERR_OK;
        if (!reachable && holds_up(x, err)) {
            return err->code;
        }
    }
    for (size_t i = 0; rc == ERR_OK && i < pg_row_count(r); i++) {
        rc = stop_one(x, reachable ? &access : NULL, r, i, err);
    }
    return rc == ERR_OK ? purge_mark(x, &SQL_PURGE_STOPPED, err) : rc;
}

/* ---- the grant ------------------------------------------------------------------------------ */

static enum err_code is_last(struct purge *x, bool *ret_last, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, x->arena);
    pg_add_uuid(&p, x->account);
    enum err_code rc = purge_exec(x, &SQL_PURGE_LAST, &p, &r, err);
    if (rc == ERR_OK) {
        *ret_last = pg_get_bool(r, 0, 0);
    }
    return rc;
}

/* Under the account's lease, so that no exchange for it is being stored meanwhile. */
static enum err_code revoke_leased(struct purge *x, const struct access_provider *p,
                                   struct err *err)
{
    bool last = false;
    enum err_code rc = is_last(x, &last, err);
    struct str token = open_sealed(x, "refresh_token", x->refresh_sealed);
    if (token.len == 0) {
        token = open_sealed(x, "access_token", x->access_sealed);
    }
    if (rc != ERR_OK || !last || token.len == 0) {
        return rc;
    }
    rc = p->provider->revoke((struct provider_link *)(uintptr_t)&p->link, token, co_after(CALL_MS),
                             err);
    if (rc == ERR_OK) {
        LOG_INFO("purge.revoked", "a grant was revoked", F_UUID("account", x->account));
        return failpoint("purge.after_revoke", err);
    }
    if (holds_up(x, err)) {
        return rc;
    }
    LOG_WARN("purge.unrevoked", "a grant could not be revoked; it is the person's to end",
             F_UUID("account", x->account), F_ERR(err));
    return ERR_OK;
}

enum err_code purge_revoke(struct purge *x, struct err *err)
{
    const struct access_provider *p = access_provider(x->worker->parts.access, x->provider);
    if (x->worker->conf->revoke_on_disconnect && p != NULL) {
        bool taken = false;
        struct uuid holder = uuid_random();
        enum err_code rc =
            grant_lease_take(x->worker, x->account, holder, LEASE_MS, x->arena, &taken, err);
        if (rc != ERR_OK) {
            return rc;
        }
        if (!taken) {
            return ERR_SET_ACT(err, ERR_BUSY, ERR_ACT_RETRY,
                               "the account's grant is held by another");
        }
        rc = revoke_leased(x, p, err);
        grant_lease_release(x->worker, x->account, holder, x->arena);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return purge_mark(x, &SQL_PURGE_REVOKED, err);
}
