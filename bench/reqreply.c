#include "reqreply.h"

#include "base/uuid.h"

static void quit(const char *what, const char *why)
{
    fprintf(stderr, "bench_reqreply: %s: %s\n", what, why);
    exit(75);
}

static bool number(const char *text, int64_t min, int64_t max, int64_t *ret_value)
{
    return str_to_i64(str_c(text), ret_value) && *ret_value >= min && *ret_value <= max;
}

bool reqreply_read_opts(int argc, char **argv, struct reqreply_opts *ret_opts)
{
    int64_t n[5] = {0};
    bool ok = argc == 8;
    for (int i = 0; ok && i < 5; i++) {
        ok = number(argv[3 + i], i < 3 ? 1 : 16, i == 0 ? UINT16_MAX : 1000000, &n[i]);
    }
    if (!ok) {
        fputs("usage: bench_reqreply BROKERS DSN REDIS-PORT WIDE COUNT REQUEST-BYTES "
              "REPLY-BYTES\n",
              stderr);
        return false;
    }
    struct uuid id = uuid_random();
    *ret_opts = (struct reqreply_opts){.brokers = argv[1],
                                       .dsn = argv[2],
                                       .redis_port = (uint16_t)n[0],
                                       .wide = (size_t)n[1],
                                       .count = (size_t)n[2],
                                       .request_bytes = (size_t)n[3],
                                       .reply_bytes = (size_t)n[4]};
    memcpy(&ret_opts->run, id.bytes, sizeof ret_opts->run);
    return true;
}

/* ---- Kafka ----------------------------------------------------------------------------------- */

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
    char text[256];
    if (rd_kafka_conf_set(conf, name, value, text, sizeof text) != RD_KAFKA_CONF_OK) {
        quit(name, text);
    }
}

static rd_kafka_t *open_client(rd_kafka_type_t type, const struct reqreply_opts *opts,
                               rd_kafka_conf_t *conf)
{
    char text[256];
    set(conf, "bootstrap.servers", opts->brokers);
    set(conf, "socket.nagle.disable", "true");
    rd_kafka_t *rk = rd_kafka_new(type, conf, text, sizeof text);
    if (rk == NULL) {
        quit("librdkafka", text);
    }
    return rk;
}

rd_kafka_t *reqreply_producer(const struct reqreply_opts *opts)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "enable.idempotence", "true");
    set(conf, "linger.ms", "0");
    return open_client(RD_KAFKA_PRODUCER, opts, conf);
}

static int32_t partitions_of(const char *topic)
{
    return strcmp(topic, REQREPLY_REPLIES) == 0 ? 1 : REQREPLY_PARTITIONS;
}

rd_kafka_t *reqreply_consumer(const struct reqreply_opts *opts, const char *topic,
                              const char *fetch_wait_ms)
{
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    set(conf, "group.id", "bench");
    set(conf, "enable.auto.commit", "false");
    set(conf, "enable.auto.offset.store", "false");
    set(conf, "fetch.wait.max.ms", fetch_wait_ms);
    set(conf, "fetch.min.bytes", "1");
    rd_kafka_t *rk = open_client(RD_KAFKA_CONSUMER, opts, conf);
    rd_kafka_poll_set_consumer(rk);
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(8);
    for (int32_t p = 0; p < partitions_of(topic); p++) {
        int64_t low;
        int64_t high;
        rd_kafka_resp_err_t rc = rd_kafka_query_watermark_offsets(rk, topic, p, &low, &high, 10000);
        if (rc != RD_KAFKA_RESP_ERR_NO_ERROR) {
            quit(topic, rd_kafka_err2str(rc));
        }
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = high;
    }
    rd_kafka_assign(rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    return rk;
}

static void create_topics(const struct reqreply_opts *opts)
{
    char text[256];
    const char *names[] = {REQREPLY_QUESTIONS, REQREPLY_REPLIES};
    rd_kafka_NewTopic_t *topics[2];
    rd_kafka_t *rk = open_client(RD_KAFKA_PRODUCER, opts, rd_kafka_conf_new());
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    for (size_t i = 0; i < 2; i++) {
        topics[i] = rd_kafka_NewTopic_new(names[i], partitions_of(names[i]), 1, text, sizeof text);
    }
    rd_kafka_CreateTopics(rk, topics, 2, NULL, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, 15000);
    if (event == NULL || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        quit("topics", "the broker does not answer");
    }
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count; i++) {
        rd_kafka_resp_err_t rc = rd_kafka_topic_result_error(results[i]);
        if (rc != RD_KAFKA_RESP_ERR_NO_ERROR && rc != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            quit(names[i], rd_kafka_err2str(rc));
        }
    }
    rd_kafka_event_destroy(event);
    rd_kafka_NewTopic_destroy_array(topics, 2);
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(rk);
}

/* ---- Postgres and Redis ---------------------------------------------------------------------- */

static PGresult *exec(PGconn *pg, const char *sql)
{
    PGresult *r = PQexec(pg, sql);
    ExecStatusType status = PQresultStatus(r);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) {
        quit("Postgres", PQerrorMessage(pg));
    }
    return r;
}

void reqreply_stores_open(struct reqreply_stores *s, const struct reqreply_opts *opts)
{
    s->pg = PQconnectdb(opts->dsn);
    if (PQstatus(s->pg) != CONNECTION_OK) {
        quit("Postgres", PQerrorMessage(s->pg));
    }
    PQclear(exec(s->pg, "SET client_min_messages = warning"));
    s->redis = redisConnect("127.0.0.1", opts->redis_port);
    if (s->redis == NULL || s->redis->err != 0) {
        quit("Redis", "no answer");
    }
    PGresult *r =
        PQprepare(s->pg, "look_up", "SELECT value FROM bench_items WHERE id = $1", 1, NULL);
    PQclear(r);
}

void reqreply_stores_close(struct reqreply_stores *s)
{
    PQfinish(s->pg);
    redisFree(s->redis);
}

void reqreply_prepare(const struct reqreply_opts *opts)
{
    struct reqreply_stores s;
    char sql[256];
    create_topics(opts);
    reqreply_stores_open(&s, opts);
    PQclear(exec(s.pg, "CREATE TABLE IF NOT EXISTS bench_items (id integer PRIMARY KEY, value "
                       "text NOT NULL)"));
    snprintf(sql, sizeof sql,
             "INSERT INTO bench_items SELECT i, repeat('x', 200) FROM generate_series(0, %d) AS i "
             "ON CONFLICT DO NOTHING",
             REQREPLY_ROWS - 1);
    PQclear(exec(s.pg, sql));
    PQclear(exec(s.pg, "ANALYZE bench_items"));
    for (uint32_t i = 0; i < 256; i++) {
        static const char value[300] = "value";
        freeReplyObject(redisCommand(s.redis, "SET bench:%u %b", i, value, sizeof value));
    }
    reqreply_stores_close(&s);
}

void reqreply_look_up(struct reqreply_stores *s, uint32_t item)
{
    char text[16];
    const char *values[] = {text};
    snprintf(text, sizeof text, "%u", item);
    PGresult *r = PQexecPrepared(s->pg, "look_up", 1, values, NULL, NULL, 1);
    BUG_ON(PQresultStatus(r) != PGRES_TUPLES_OK || PQntuples(r) != 1);
    PQclear(r);
    redisReply *reply = redisCommand(s->redis, "GET bench:%u", item);
    BUG_ON(reply == NULL || reply->type != REDIS_REPLY_STRING || reply->len != 300);
    freeReplyObject(reply);
}
