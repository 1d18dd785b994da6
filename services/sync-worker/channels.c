/* Push channels: opened when a calendar is read, renewed early and spread out, the new one before
 * the old one is stopped. */
#include "worker.h"

#include "observe/log.h"
#include "observe/metric.h"
#include "providers/webhook.h"
#include "runtime/failpoint.h"
#include "store/sql.h"

#define CALL_MS 30000
#define HOUR_MS INT64_C(3600000)

/* Renewal comes when less than a fifth of the life is left, plus up to a tenth by the number. */
static int64_t renew_before(const struct reading *r)
{
    int64_t life = r->access->provider->channel_life_ms;
    return life / 5 + life / 10 * (r->calendar->id % 16) / 16;
}

static bool is_wanted(const struct reading *r)
{
    const struct store_calendar *c = r->calendar;
    return (r->access->provider->caps & PROVIDER_CAP_WATCH) && c->watchable &&
           r->worker->conf->webhook_url.len > 0 &&
           (r->channel_is_silent || c->channel_expires_at < co_wall_now() + renew_before(r));
}

static enum err_code exec(struct reading *r, const struct pg_stmt *stmt, const struct pg_params *p,
                          const struct pg_result **ret_rows, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    int64_t deadline = co_after(CALL_MS);
    enum err_code rc = pg_acquire(r->worker->parts.pool, deadline, &s, err);
    return rc == ERR_OK ? pg_exec(s, stmt, p, deadline, r->arena, ret_rows, err) : rc;
}

/* A row first: its number is in the secret, and a kill after the provider's answer leaves a row to
 * clean up by. */
static enum err_code add_row(struct reading *r, struct uuid account, struct str channel_id,
                             int64_t *ret_number, struct err *err)
{
    const struct pg_result *rows;
    struct pg_params p;
    pg_params_init(&p, r->arena);
    pg_add_uuid(&p, account);
    pg_add_i64(&p, r->calendar->id);
    pg_add_uuid(&p, r->calendar->connection);
    pg_add_text(&p, channel_id);
    pg_add_i64(&p, crypto_keyring_current(&r->worker->webhook_keys)->id);
    enum err_code rc = exec(r, &SQL_CHANNEL_OPEN, &p, &rows, err);
    if (rc == ERR_OK) {
        *ret_number = pg_get_i64(rows, 0, 0);
    }
    return rc;
}

static void drop_row(struct reading *r, int64_t number)
{
    struct pg_params p;
    struct err err;
    pg_params_init(&p, r->arena);
    pg_add_i64(&p, number);
    if (exec(r, &SQL_CHANNEL_DROP, &p, NULL, &err) != ERR_OK) {
        LOG_WARN("channel.row.kept", "a channel's row could not be deleted",
                 F_I64("channel", number), F_ERR(&err));
    }
}

static enum err_code mark_unwatchable(struct reading *r, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, r->arena);
    pg_add_i64(&p, r->calendar->id);
    return exec(r, &SQL_CALENDAR_UNWATCHABLE, &p, NULL, err);
}

static enum err_code mark_open(struct reading *r, int64_t number,
                               const struct provider_channel *channel, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, r->arena);
    pg_add_i64(&p, number);
    pg_add_text(&p, channel->resource_id);
    pg_add_time(&p, channel->expires_at);
    pg_add_time(&p, channel->expires_at - renew_before(r));
    return exec(r, &SQL_CHANNEL_OPENED, &p, NULL, err);
}

static void stop_older(struct reading *r, struct uuid account, int64_t number)
{
    const struct pg_result *rows;
    struct pg_params p;
    struct err err;
    pg_params_init(&p, r->arena);
    pg_add_uuid(&p, account);
    pg_add_i64(&p, r->calendar->id);
    pg_add_i64(&p, number);
    if (exec(r, &SQL_CHANNEL_OLDER, &p, &rows, &err) != ERR_OK) {
        return; /* they end by themselves, and the next renewal finds them */
    }
    for (size_t i = 0; i < pg_row_count(rows); i++) {
        struct provider_channel old = {.channel_id = pg_get_str(rows, i, 1),
                                       .resource_id = pg_get_str(rows, i, 2)};
        if (old.resource_id.ptr == NULL ||
            r->access->provider->unwatch(&r->access->session, &old, co_after(CALL_MS), &err) ==
                ERR_OK) {
            drop_row(r, pg_get_i64(rows, i, 0));
        }
    }
}

static enum err_code open_channel(struct reading *r, struct uuid account, int64_t number,
                                  struct str channel_id, struct err *err)
{
    struct buf secret CLEANUP(buf_fini);
    struct provider_channel channel;
    int64_t life = r->access->provider->channel_life_ms;
    struct webhook_channel identity = {.account = account,
                                       .calendar = r->calendar->id,
                                       .channel = number,
                                       .expires_at =
                                           (co_wall_now() + life + HOUR_MS) / 1000 * 1000};

    buf_init(&secret, WEBHOOK_SECRET_MAX);
    webhook_secret_print(&r->worker->webhook_keys, r->access->provider->name, &identity, &secret);
    struct provider_watch_req req = {.calendar_id = r->calendar->provider_id,
                                     .channel_id = channel_id,
                                     .address = r->worker->conf->webhook_url,
                                     .secret = buf_str(&secret),
                                     .expires_at = co_wall_now() + life};
    enum err_code rc = failpoint("channel.before_watch", err);
    if (rc == ERR_OK) {
        rc = r->access->provider->watch(&r->access->session, &req, co_after(CALL_MS), r->arena,
                                        &channel, err);
    }
    if (rc == ERR_OK) {
        rc = failpoint("channel.after_watch", err);
    }
    if (rc == ERR_OK) {
        rc = mark_open(r, number, &channel, err);
    }
    return rc;
}

void channels_ensure(struct reading *r)
{
    struct uuid account;
    struct err err;
    int64_t number = 0;

    if (!is_wanted(r)) {
        return;
    }
    memcpy(account.bytes, r->run->core->key.ptr, sizeof account.bytes);
    struct str channel_id = arena_strf(r->arena, "%s", UUID_C(uuid_random()));
    enum err_code rc = add_row(r, account, channel_id, &number, &err);
    if (rc == ERR_OK) {
        rc = open_channel(r, account, number, channel_id, &err);
    }
    if (rc == ERR_UNSUPPORTED) {
        drop_row(r, number);
        rc = mark_unwatchable(r, &err);
        metric_inc(METRIC_CHANNELS, "unwatchable");
    } else if (rc == ERR_OK) {
        metric_inc(METRIC_CHANNELS, "opened");
        stop_older(r, account, number);
    } else if (number != 0) {
        drop_row(r, number); /* a notice of it, should it be open after all, leads to a read */
    }
    if (rc != ERR_OK) {
        metric_inc(METRIC_CHANNELS, "failed");
        LOG_WARN("channel.failed", "no channel, the calendar is polled",
                 F_I64("cal", r->calendar->id), F_ERR(&err));
    }
}
