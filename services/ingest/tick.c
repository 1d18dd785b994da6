/* The cron tick: one record to every partition of calendar.sync, for whoever owns it to look at
 * its due rows now. */
#include "ingest.h"
#include "messages/messages.h"
#include "messages/topics.h"
#include "observe/log.h"
#include "runtime/failpoint.h"

#define TICK_MAX_BYTES 64

struct tick {
    struct kafka_delivery *deliveries;
    size_t count;       /* begun */
    size_t open;        /* without a report */
    enum err_code code; /* the first failure */
    struct co_wait all;
};

static void reported(struct kafka_delivery *d, enum err_code code, const struct err *err UNUSED)
{
    struct tick *t = d->ctx;
    if (t->code == ERR_OK) {
        t->code = code;
    }
    if (--t->open == 0) {
        co_wake(&t->all);
    }
}

static enum err_code produce_all(struct ingest *in, struct tick *t, struct str value,
                                 struct err *err)
{
    char parent[TRACEPARENT_LEN + 1];
    struct kafka_header header = {"traceparent", request_context_traceparent(parent)};
    struct kafka_message message = {
        .topic = TOPIC_SYNC,
        .value = value,
        .headers = &header,
        .header_count = 1,
    };

    for (int64_t i = 0; i < in->conf->bus_partitions; i++) {
        struct kafka_delivery *d = &t->deliveries[i];
        *d = (struct kafka_delivery){.fn = reported, .ctx = t};
        message.partition = (int32_t)i;
        t->open++;
        enum err_code rc = kafka_produce_start(in->producer, &message, d, err);
        if (rc != ERR_OK) {
            t->open--;
            return rc;
        }
        t->count++;
    }
    return ERR_OK;
}

/* After a failure no report may reach the tick any more: it ends with this coroutine. */
static enum err_code tick_all(struct ingest *in, struct arena *arena, int64_t deadline,
                              struct err *err)
{
    struct message_tick m = {0};
    struct tick t = {.code = ERR_OK};
    struct buf value CLEANUP(buf_fini);

    MESSAGE_SET(tick, &m, asked_at, co_wall_now());
    buf_init(&value, TICK_MAX_BYTES);
    enum err_code rc = message_encode(MESSAGE_tick, &m, &value, err);
    if (rc != ERR_OK) {
        return rc;
    }
    co_wait_init(&t.all);
    t.deliveries = ARENA_ARRAY(arena, struct kafka_delivery, (size_t)in->conf->bus_partitions);
    rc = produce_all(in, &t, buf_str(&value), err);
    if (rc == ERR_OK && t.open > 0) {
        rc = co_wait(&t.all, deadline, err);
    }
    for (size_t i = 0; i < t.count; i++) {
        kafka_delivery_detach(&t.deliveries[i]);
    }
    if (rc == ERR_OK && t.code != ERR_OK) {
        rc = ERR_SET(err, t.code, "a partition did not take the tick");
    }
    return rc;
}

void tick_handle(struct call *c)
{
    struct err err = {0};
    struct refusal refusal;
    int64_t deadline = c->begun_at + c->in->conf->request_timeout;
    enum err_code rc = tick_all(c->in, c->x->arena, deadline, &err);
    if (rc == ERR_OK) {
        rc = failpoint("ingest.tick.after_produce", &err);
    }
    if (rc != ERR_OK) {
        LOG_ERROR("ingest.tick.failed", "cron tick not recorded on every partition", F_ERR(&err));
        refuse(&refusal, 503, "unavailable", "The tick cannot be recorded now; please repeat it.");
        refusal.retry_after_ms = 5000;
        answer_refusal(c, &refusal);
        return;
    }
    answer_json(
        c, 202,
        arena_strf(c->x->arena, "{\"partitions\":%lld}", (long long)c->in->conf->bus_partitions),
        0);
}
