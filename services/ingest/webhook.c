/* Google's notices. A well-formed notice that is not to be believed gets the same answer as a good
 * one: anything else makes the provider send it for hours, and tells a forger something. */
#include "google/webhook.h"

#include "ingest.h"
#include "messages/messages.h"
#include "messages/topics.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"

#define RECORD_MAX_BYTES 256
#define FORGED_LOG_MS 10000
#define RETRY_AFTER_MS 5000

bool webhook_is_google(const struct http_exchange *x)
{
    struct str value;
    return http_request_header(x, "X-Goog-Channel-Token", &value) ||
           http_request_header(x, "X-Goog-Channel-ID", &value) ||
           http_request_header(x, "X-Goog-Resource-State", &value);
}

static struct str header_or_empty(const struct http_exchange *x, const char *name)
{
    struct str value = STR("");
    http_request_header(x, name, &value);
    return value;
}

/* ---- the record ---------------------------------------------------------------------------- */

struct sent {
    struct kafka_delivery delivery;
    struct notice_flight *flight;
};

static void sent_done(struct kafka_delivery *d, enum err_code code, const struct err *err)
{
    struct sent *s = CONTAINER_OF(d, struct sent, delivery);
    struct notice_flight *flight = s->flight;
    free(s);
    notice_done(flight, code, err);
}

/* The traceparent is that of the request which began the record; those that share it have only
 * their log line. */
enum err_code webhook_send(void *arg, const struct notice_key *key, struct notice_flight *flight,
                           struct err *err)
{
    struct ingest *in = arg;
    struct message_sync m = {
        .account = key->account, .calendar = key->calendar, .reason = MESSAGE_SYNC_WEBHOOK};
    char parent[TRACEPARENT_LEN + 1];
    struct buf value CLEANUP(buf_fini);

    MESSAGE_SET(sync, &m, asked_at, co_wall_now());
    buf_init(&value, RECORD_MAX_BYTES);
    enum err_code rc = message_encode(MESSAGE_sync, &m, &value, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct kafka_header header = {"traceparent", request_context_traceparent(parent)};
    struct kafka_message message = {
        .topic = TOPIC_SYNC,
        .partition = -1,
        .key = uuid_bytes(&key->account),
        .value = buf_str(&value),
        .headers = &header,
        .header_count = 1,
    };
    struct sent *s = xcalloc(1, sizeof *s);
    s->delivery.fn = sent_done;
    s->flight = flight;
    rc = kafka_produce_start(in->producer, &message, &s->delivery, err);
    if (rc != ERR_OK) {
        free(s);
    }
    return rc;
}

/* ---- the route ----------------------------------------------------------------------------- */

static const char *result_of_check(enum err_code code)
{
    switch ((int)code) {
    case ERR_EXPIRED:
        return "expired";
    case ERR_PROTO:
        return "unknown";
    default:
        return "forged";
    }
}

static void not_believed(struct call *c, enum err_code code)
{
    static struct log_limit site;
    int64_t dropped = 0;
    const char *result = result_of_check(code);

    metric_inc(METRIC_INGEST_WEBHOOKS, result);
    if (log_limit_pass(&site, co_now(), FORGED_LOG_MS, &dropped)) {
        LOG_WARN("ingest.webhook.refused",
                 "notice that is not to be believed, answered as a good one", F_C("result", result),
                 F_I64("dropped", dropped));
    }
    answer_json(c, 200, STR(""), 0);
}

static void not_recorded(struct call *c, const struct err *err)
{
    static struct log_limit site;
    struct refusal refusal;
    int64_t dropped = 0;

    metric_inc(METRIC_INGEST_WEBHOOKS, "unavailable");
    if (log_limit_pass(&site, co_now(), FORGED_LOG_MS, &dropped)) {
        LOG_ERROR("ingest.webhook.lost", "notice not recorded, the provider is asked to repeat it",
                  F_ERR(err), F_I64("dropped", dropped));
    }
    refuse(&refusal, 503, "unavailable", "The notice cannot be recorded now; please repeat it.");
    refusal.retry_after_ms = RETRY_AFTER_MS;
    answer_refusal(c, &refusal);
}

void webhook_google(struct call *c)
{
    struct google_notice notice = {
        .channel_id = header_or_empty(c->x, "X-Goog-Channel-ID"),
        .channel_token = header_or_empty(c->x, "X-Goog-Channel-Token"),
        .resource_state = header_or_empty(c->x, "X-Goog-Resource-State"),
    };
    struct webhook_channel channel;
    enum google_notice_kind kind;
    struct err err = {0};
    bool shared = false;

    enum err_code rc =
        google_notice_check(&c->in->webhook_keys, &notice, co_wall_now(), &channel, &kind, &err);
    if (rc != ERR_OK) {
        not_believed(c, rc);
        return;
    }
    if (kind == GOOGLE_NOTICE_SYNC) {
        metric_inc(METRIC_INGEST_WEBHOOKS, "opened");
        answer_json(c, 200, STR(""), 0);
        return;
    }
    struct notice_key key = {.account = channel.account, .calendar = channel.calendar};
    rc = failpoint("ingest.notice.before_produce", &err);
    if (rc == ERR_OK) {
        rc = notice_record(&c->in->notices, &key, c->begun_at + c->in->conf->webhook_timeout,
                           &shared, &err);
    }
    if (rc == ERR_OK) {
        rc = failpoint("ingest.notice.after_produce", &err);
    }
    if (rc != ERR_OK) {
        not_recorded(c, &err);
        return;
    }
    metric_inc(METRIC_INGEST_WEBHOOKS, shared ? "coalesced" : "ok");
    answer_json(c, 200, STR(""), 0);
}
