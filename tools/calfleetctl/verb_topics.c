/* calfleetctl topics: creates the bus's topics where they are missing and compares those that are
 * there. Safe to run twice. A partition count is never changed here: keys would move to other
 * partitions while records wait in the old ones, so that is a drain of its own (docs). */
#include "kafka/admin.h"
#include "messages/topics.h"
#include "runtime/co.h"
#include "service/config_groups.h"
#include "service/values.h"
#include "verb.h"

#include <stdio.h>

#define SHARDS 960 /* of the due table: each partition owns a whole number of them */

/* clang-format off */
#define TOPICS_CONFIG(C) \
    KAFKA_CONFIG(C) \
    C(partitions, INT, "48", 1, 960, "partitions", 0, "of each topic but the replies; a divisor of 960, the services' `bus_partitions`") \
    C(reply_partitions, INT, "8", 1, 960, "partitions", 0, "of the replies; instances of ingest share them") \
    C(replicas, INT, "0", 0, 15, "replicas", 0, "of each partition; 0: the cluster's default") \
    C(check, BOOL, "false", 0, 0, "", 0, "compare only, create nothing") \
    C(timeout, DURATION, "30s", 1000, 600000, "", 0, "for all of it")
CONFIG_STRUCT(topics_config, TOPICS_CONFIG)
/* clang-format on */
static const struct config_table *topics_config_table(void);

/* Requests and replies are of no use after their deadline, and hold what was sealed: they go soon,
 * which takes segments that are closed soon. A sync record outlives a day's outage of the workers;
 * what it would have brought is polled after that. */
static const struct kafka_setting sync_settings[] = {{"retention.ms", "86400000"},
                                                     {"segment.ms", "21600000"}};
static const struct kafka_setting request_settings[] = {{"retention.ms", "600000"},
                                                        {"segment.ms", "300000"}};
static const struct kafka_setting reply_settings[] = {{"retention.ms", "60000"},
                                                      {"segment.ms", "60000"}};
static const struct kafka_setting dead_settings[] = {{"retention.ms", "1209600000"},
                                                     {"segment.ms", "86400000"}};

#define TOPIC_COUNT 6

static void fill(const struct topics_config *conf, struct kafka_topic topics[TOPIC_COUNT])
{
    static const struct kafka_topic plan[TOPIC_COUNT] = {
        {.name = TOPIC_SYNC, .settings = sync_settings, .setting_count = 2},
        {.name = TOPIC_CONNECTIONS, .settings = request_settings, .setting_count = 2},
        {.name = TOPIC_FREEBUSY, .settings = request_settings, .setting_count = 2},
        {.name = TOPIC_SCHEDULE, .settings = request_settings, .setting_count = 2},
        {.name = TOPIC_DEADLETTER, .settings = dead_settings, .setting_count = 2},
        {.name = TOPIC_REPLIES, .settings = reply_settings, .setting_count = 2},
    };
    for (size_t i = 0; i < TOPIC_COUNT; i++) {
        bool replies = strcmp(plan[i].name, TOPIC_REPLIES) == 0;
        topics[i] = plan[i];
        topics[i].partitions = (int32_t)(replies ? conf->reply_partitions : conf->partitions);
        topics[i].replicas = conf->replicas == 0 ? -1 : (int32_t)conf->replicas;
    }
}

struct job {
    const struct topics_config *conf;
    const struct kafka_cluster *cluster;
    struct kafka_topic topics[TOPIC_COUNT];
    struct kafka_topic_state before[TOPIC_COUNT];
    enum err_code code;
    struct err err;
};

static void run_job(void *arg)
{
    struct job *j = arg;
    struct co_loop *loop = co_loop_current();
    int64_t deadline = co_after(j->conf->timeout);

    j->code = kafka_topics_describe(loop, j->cluster, j->topics, TOPIC_COUNT, deadline, j->before,
                                    &j->err);
    if (j->code == ERR_OK && !j->conf->check) {
        j->code = kafka_topics_create(loop, j->cluster, j->topics, TOPIC_COUNT, deadline, &j->err);
    }
    if (j->code == ERR_OK) {
        j->code = kafka_topics_check(loop, j->cluster, j->topics, TOPIC_COUNT, deadline, &j->err);
    }
}

static enum err_code work(struct job *j, struct arena *arena)
{
    const struct topics_config *conf = j->conf;
    struct kafka_cluster cluster;

    if (SHARDS % conf->partitions != 0) {
        return ERR_SET(&j->err, ERR_CONFIG, "partitions: %lld is no divisor of %d",
                       (long long)conf->partitions, SHARDS);
    }
    enum err_code rc = SERVICE_KAFKA_CLUSTER(conf, arena, &cluster, &j->err);
    if (rc != ERR_OK) {
        return rc;
    }
    j->cluster = &cluster;
    fill(conf, j->topics);
    struct co_loop_opts opts = {.slice_warn_ms = -1};
    struct co_loop *loop = co_loop_new(&opts);
    co_loop_run(loop, "topics", run_job, j);
    co_loop_free(loop);
    return j->code;
}

static int exit_code(enum err_code code)
{
    switch ((int)code) {
    case ERR_OK:
        return CONFIG_EXIT_OK;
    case ERR_UNAVAILABLE:
    case ERR_TIMEOUT:
        return CONFIG_EXIT_RETRY;
    default: /* a topic that differs, a right that is missing, a property that is wrong */
        return CONFIG_EXIT_CONFIG;
    }
}

int verb_topics(int argc, char **argv)
{
    struct topics_config conf = {0};
    struct job job = {.conf = &conf};
    struct arena arena CLEANUP(arena_fini);
    int code = CONFIG_EXIT_INTERNAL;
    struct config *options =
        verb_options("calfleetctl topics", "Creates the topics of the bus that are missing", NULL,
                     topics_config_table(), &conf, argc, argv, &code);
    arena_init(&arena);
    if (options == NULL) {
        return code;
    }
    enum err_code rc = work(&job, &arena);
    if (rc != ERR_OK) {
        fprintf(stderr, "calfleetctl topics: %s\n", job.err.text);
    } else {
        for (size_t i = 0; i < TOPIC_COUNT; i++) {
            printf("%s: %d partitions, %s\n", job.topics[i].name, job.topics[i].partitions,
                   job.before[i].partitions == 0 ? "created" : "was there");
        }
    }
    config_free(options);
    return exit_code(rc);
}

static CONFIG_TABLE(topics_config, TOPICS_CONFIG)
