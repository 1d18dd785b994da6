#include "client_int.h"

#include "observe/log.h"

#include <stdio.h>

int kafka_library_version(void)
{
    return rd_kafka_version();
}

bool kafka_record_header(const struct kafka_record *record, const char *name, struct str *ret_value)
{
    for (size_t i = record->header_count; i-- > 0;) {
        if (strcmp(record->headers[i].name, name) == 0) {
            *ret_value = record->headers[i].value;
            return true;
        }
    }
    return false;
}

/* ---- configuration
 * ------------------------------------------------------------------------------- */

struct kafka_conf kafka_conf_new(const struct kafka_cluster *cluster, struct err *err)
{
    struct kafka_conf c = {.conf = rd_kafka_conf_new(), .err = err};
    kafka_conf_set(&c, "bootstrap.servers", cluster->bootstrap);
    kafka_conf_set(&c, "client.id", cluster->client_id ? cluster->client_id : "calfleet");
    kafka_conf_set(&c, "socket.nagle.disable", "true");
    kafka_conf_set(&c, "socket.keepalive.enable", "true");
    /* The message timeout is not looked at during a reconnect's back-off (10 s by default). */
    kafka_conf_set(&c, "reconnect.backoff.max.ms", "200");
    kafka_conf_set(&c, "reconnect.backoff.ms", "50");
    kafka_conf_set(&c, "topic.metadata.refresh.interval.ms", "30000");
    kafka_conf_set(&c, "log.queue", "true");
    kafka_conf_set(&c, "log.connection.close", "false");
    return c;
}

static void conf_fail(struct kafka_conf *c, const char *name, const char *text)
{
    /* The value stays out of the text: it may be a password. */
    c->code = ERR_SET_ACT(c->err, ERR_CONFIG, ERR_ACT_CONFIG, "Kafka setting %s: %s", name, text);
}

void kafka_conf_set(struct kafka_conf *c, const char *name, const char *value)
{
    char text[160];
    if (c->code != ERR_OK) {
        return;
    }
    switch (rd_kafka_conf_set(c->conf, name, value, text, sizeof text)) {
    case RD_KAFKA_CONF_OK:
        break;
    case RD_KAFKA_CONF_UNKNOWN:
        conf_fail(c, name, "librdkafka does not know it");
        break;
    case RD_KAFKA_CONF_INVALID:
        conf_fail(c, name, "librdkafka refuses its value");
        break;
    }
}

void kafka_conf_set_int(struct kafka_conf *c, const char *name, int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    kafka_conf_set(c, name, text);
}

void kafka_conf_try(struct kafka_conf *c, const char *name, const char *value)
{
    char text[160];
    if (rd_kafka_conf_set(c->conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        LOG_DEBUG("kafka.conf.unknown", "this librdkafka lacks a property", F_C("name", name));
    }
}

enum err_code kafka_conf_make(struct kafka_conf *c, const struct kafka_cluster *cluster,
                              rd_kafka_type_t type, rd_kafka_t **ret_rk)
{
    char text[200];
    for (size_t i = 0; i < cluster->setting_count; i++) {
        kafka_conf_set(c, cluster->settings[i].name, cluster->settings[i].value);
    }
    rd_kafka_t *rk = c->code == ERR_OK ? rd_kafka_new(type, c->conf, text, sizeof text) : NULL;
    if (rk == NULL) { /* rd_kafka_new() takes conf only when it succeeds */
        rd_kafka_conf_destroy(c->conf);
        return c->code != ERR_OK
                   ? c->code
                   : ERR_SET_ACT(c->err, ERR_CONFIG, ERR_ACT_CONFIG, "Kafka client: %s", text);
    }
    *ret_rk = rk;
    return ERR_OK;
}

/* ---- errors
 * ---------------------------------------------------------------------------------------- */

enum err_code kafka_err_code(rd_kafka_resp_err_t code)
{
    static const struct {
        rd_kafka_resp_err_t from;
        enum err_code to;
    } table[] = {
        {RD_KAFKA_RESP_ERR_NO_ERROR, ERR_OK},
        {RD_KAFKA_RESP_ERR__QUEUE_FULL, ERR_BUSY},
        {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, ERR_TOO_BIG},
        {RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE, ERR_TOO_BIG},
        {RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, ERR_INVALID},
        {RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC, ERR_NOT_FOUND},
        {RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, ERR_NOT_FOUND},
        {RD_KAFKA_RESP_ERR__INVALID_ARG, ERR_INVALID},
        {RD_KAFKA_RESP_ERR__PURGE_QUEUE, ERR_CANCELED},
        {RD_KAFKA_RESP_ERR__PURGE_INFLIGHT, ERR_CANCELED},
        {RD_KAFKA_RESP_ERR__DESTROY, ERR_CLOSED},
        {RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS, ERR_EXISTS},
        {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, ERR_DENIED},
        {RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED, ERR_DENIED},
        {RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED, ERR_DENIED},
        {RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID, ERR_CONFLICT},
        {RD_KAFKA_RESP_ERR_INVALID_PARTITIONS, ERR_CONFIG},
        {RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR, ERR_CONFIG},
        {RD_KAFKA_RESP_ERR_INVALID_CONFIG, ERR_CONFIG},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        if (table[i].from == code) {
            return table[i].to;
        }
    }
    return ERR_UNAVAILABLE; /* timeouts, transport, brokers that elect: again later */
}

enum err_code kafka_err(struct err *err, rd_kafka_resp_err_t code, const char *what)
{
    enum err_code c = kafka_err_code(code);
    enum err_act act = c == ERR_UNAVAILABLE || c == ERR_BUSY ? ERR_ACT_RETRY
                       : c == ERR_CONFIG || c == ERR_DENIED  ? ERR_ACT_CONFIG
                                                             : ERR_ACT_NONE;
    ERR_SET_ACT(err, c, act, "%s: %s", what, rd_kafka_err2str(code));
    if (err != NULL) {
        err->sys = (int)code;
    }
    return c;
}

/* ---- records and events
 * ---------------------------------------------------------------------------- */

void kafka_record_view(const rd_kafka_message_t *m, struct kafka_record *ret_record)
{
    struct kafka_record *r = ret_record;
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t len;
    r->topic = rd_kafka_topic_name(m->rkt);
    r->partition = m->partition;
    r->offset = m->offset;
    r->timestamp = rd_kafka_message_timestamp(m, NULL);
    r->key = (struct str){m->key, m->key ? m->key_len : 0};
    r->value = (struct str){m->payload, m->payload ? m->len : 0};
    r->header_count = 0;
    if (rd_kafka_message_headers(m, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    while (r->header_count < KAFKA_HEADERS_MAX &&
           rd_kafka_header_get_all(headers, r->header_count, &name, &value, &len) ==
               RD_KAFKA_RESP_ERR_NO_ERROR) {
        r->headers[r->header_count++] =
            (struct kafka_header){name, {value, value != NULL ? len : 0}};
    }
}

static void log_event(rd_kafka_event_t *event)
{
    const char *facility = "", *text = "";
    int level = 7;
    if (rd_kafka_event_log(event, &facility, &text, &level) == 0) {
        LOG_DEBUG("kafka.client", "librdkafka says", F_C("facility", facility), F_C("text", text),
                  F_I64("level", level));
    }
}

bool kafka_event_common(rd_kafka_t *rk, rd_kafka_event_t *event, bool *ret_fatal)
{
    char text[160];
    switch (rd_kafka_event_type(event)) {
    case RD_KAFKA_EVENT_LOG:
        log_event(event);
        return true;
    case RD_KAFKA_EVENT_ERROR:
        LOG_DEBUG("kafka.error", "librdkafka reports an error",
                  F_C("code", rd_kafka_err2name(rd_kafka_event_error(event))));
        if (rd_kafka_event_error_is_fatal(event) ||
            rd_kafka_fatal_error(rk, text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            *ret_fatal = true;
        }
        return true;
    default:
        return false;
    }
}
