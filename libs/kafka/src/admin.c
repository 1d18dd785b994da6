#include "kafka/admin.h"
#include "base/buf.h"
#include "base/vec.h"
#include "client_int.h"

#define REQUEST_TIMEOUT_MS 10000

/* A handle for the time of one call; all of it blocking, in a thread. */
struct admin_job {
    struct kafka_job job;
    const struct kafka_topic *topics; /* borrowed: copied below where the caller may leave */
    size_t count;
    int timeout_ms;
    bool create;
    rd_kafka_resp_err_t code; /* of the request as a whole */
    char text[160];           /* names the topic where one failed */
    struct kafka_topic_state *states;
};

/* ---- in the thread
 * --------------------------------------------------------------------------------- */

static rd_kafka_NewTopic_t *new_topic(const struct kafka_topic *t)
{
    rd_kafka_NewTopic_t *nt = rd_kafka_NewTopic_new(t->name, t->partitions, t->replicas, NULL, 0);
    for (size_t i = 0; nt != NULL && i < t->setting_count; i++) {
        rd_kafka_NewTopic_set_config(nt, t->settings[i].name, t->settings[i].value);
    }
    return nt;
}

static void read_create_result(struct admin_job *a, rd_kafka_event_t *event)
{
    size_t count;
    const rd_kafka_topic_result_t **results =
        rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    for (size_t i = 0; i < count && a->code == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        rd_kafka_resp_err_t code = rd_kafka_topic_result_error(results[i]);
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR && code != RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS) {
            a->code = code;
            snprintf(a->text, sizeof a->text, "topic %s", rd_kafka_topic_result_name(results[i]));
        }
    }
}

static void create_missing(struct admin_job *a, rd_kafka_t *rk)
{
    VEC(rd_kafka_NewTopic_t *) missing = {0};
    for (size_t i = 0; i < a->count; i++) {
        if (a->states[i].partitions == 0) {
            rd_kafka_NewTopic_t *nt = new_topic(&a->topics[i]);
            if (nt == NULL) {
                a->code = RD_KAFKA_RESP_ERR__INVALID_ARG;
                snprintf(a->text, sizeof a->text, "topic %s", a->topics[i].name);
            } else {
                vec_push(&missing, nt);
            }
        }
    }
    if (missing.len > 0 && a->code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
        rd_kafka_CreateTopics(rk, missing.ptr, missing.len, NULL, queue);
        rd_kafka_event_t *event = rd_kafka_queue_poll(queue, a->timeout_ms);
        a->code = event != NULL ? rd_kafka_event_error(event) : RD_KAFKA_RESP_ERR__TIMED_OUT;
        if (a->code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            read_create_result(a, event);
        }
        if (event != NULL) {
            rd_kafka_event_destroy(event);
        }
        rd_kafka_queue_destroy(queue);
    }
    rd_kafka_NewTopic_destroy_array(missing.ptr, missing.len);
    vec_fini(&missing);
}

static void read_state(const rd_kafka_metadata_topic_t *topic, struct kafka_topic_state *s)
{
    if (topic->err != RD_KAFKA_RESP_ERR_NO_ERROR &&
        topic->err != RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE) {
        return;
    }
    s->partitions = topic->partition_cnt;
    for (int p = 0; p < topic->partition_cnt; p++) {
        s->replicas = topic->partitions[p].replica_cnt;
        s->leaderless += topic->partitions[p].leader < 0;
    }
}

static void describe(struct admin_job *a, rd_kafka_t *rk)
{
    const struct rd_kafka_metadata *metadata = NULL;
    memset(a->states, 0, a->count * sizeof *a->states);
    /* All topics: asking for one by name would create it where the cluster allows that. */
    a->code = rd_kafka_metadata(rk, 1, NULL, &metadata, a->timeout_ms);
    if (a->code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        return;
    }
    for (size_t i = 0; i < a->count; i++) {
        for (int t = 0; t < metadata->topic_cnt; t++) {
            if (strcmp(metadata->topics[t].topic, a->topics[i].name) == 0) {
                read_state(&metadata->topics[t], &a->states[i]);
            }
        }
    }
    rd_kafka_metadata_destroy(metadata);
}

static void admin_work(struct kafka_job *job, rd_kafka_t *rk)
{
    struct admin_job *a = CONTAINER_OF(job, struct admin_job, job);
    describe(a, rk);
    if (a->create && a->code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        create_missing(a, rk);
        if (a->code == RD_KAFKA_RESP_ERR_NO_ERROR) {
            describe(a, rk);
        }
    }
}

/* ---- on the loop
 * ------------------------------------------------------------------------------------ */

static struct kafka_topic *topics_dup(const struct kafka_topic *topics, size_t count)
{
    struct kafka_topic *copy = xcalloc(count + 1, sizeof *copy);
    for (size_t i = 0; i < count; i++) {
        copy[i] = topics[i];
        copy[i].name = xstrdup(topics[i].name);
        struct kafka_setting *settings = xcalloc(topics[i].setting_count + 1, sizeof *settings);
        for (size_t s = 0; s < topics[i].setting_count; s++) {
            settings[s].name = xstrdup(topics[i].settings[s].name);
            settings[s].value = xstrdup(topics[i].settings[s].value);
        }
        copy[i].settings = settings;
    }
    return copy;
}

static void free_const(const void *p)
{
    free((void *)(uintptr_t)p);
}

static void admin_free(struct kafka_job *job)
{
    struct admin_job *a = CONTAINER_OF(job, struct admin_job, job);
    for (size_t i = 0; i < a->count; i++) {
        for (size_t s = 0; s < a->topics[i].setting_count; s++) {
            free_const(a->topics[i].settings[s].name);
            free_const(a->topics[i].settings[s].value);
        }
        free_const(a->topics[i].settings);
        free_const(a->topics[i].name);
    }
    free_const(a->topics);
    free(a->states);
    free(a);
}

static enum err_code run_job(struct kafka_handle *h, const struct kafka_topic *topics, size_t count,
                             bool create, int64_t deadline, struct kafka_topic_state *ret_states,
                             struct err *err)
{
    struct admin_job *a = xcalloc(1, sizeof *a);
    a->job.work = admin_work;
    a->job.free = admin_free;
    a->topics = topics_dup(topics, count);
    a->count = count;
    a->create = create;
    a->timeout_ms = kafka_timeout(deadline, REQUEST_TIMEOUT_MS);
    a->states = xcalloc(count + 1, sizeof *a->states);
    enum err_code rc = kafka_job_run(h, &a->job, deadline, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (a->code != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rc = kafka_err(err, a->code, a->text[0] != '\0' ? a->text : "topics");
    } else {
        memcpy(ret_states, a->states, count * sizeof *ret_states);
    }
    admin_free(&a->job);
    return rc;
}

static enum err_code with_handle(struct co_loop *loop, const struct kafka_cluster *cluster,
                                 const struct kafka_topic *topics, size_t count, bool create,
                                 int64_t deadline, struct kafka_topic_state *ret_states,
                                 struct err *err)
{
    rd_kafka_t *rk;
    struct kafka_conf c = kafka_conf_new(cluster, err);
    enum err_code rc = kafka_conf_make(&c, cluster, RD_KAFKA_PRODUCER, &rk);
    if (rc != ERR_OK) {
        return rc;
    }
    /* On the heap: a thread that hangs in librdkafka past our patience still refers to it. */
    struct kafka_jobs *jobs = xcalloc(1, sizeof *jobs);
    kafka_jobs_init(jobs);
    struct kafka_handle *h = kafka_handle_new(loop, jobs, rk);
    for (;;) {
        int32_t leaderless = 0;
        rc = run_job(h, topics, count, create, deadline, ret_states, err);
        for (size_t i = 0; rc == ERR_OK && create && i < count; i++) {
            leaderless += ret_states[i].leaderless + (ret_states[i].partitions == 0);
        }
        if (rc != ERR_OK || leaderless == 0 || (rc = co_sleep(50, err)) != ERR_OK) {
            break;
        }
        if (co_now() >= deadline) {
            rc = ERR_SET_ACT(err, ERR_TIMEOUT, ERR_ACT_RETRY, "%d partitions without a leader",
                             leaderless);
            break;
        }
    }
    kafka_handle_put(h);
    if (kafka_jobs_wait(jobs, co_after(5000))) {
        free(jobs);
    }
    return rc;
}

static enum err_code compare(const struct kafka_topic *topics, size_t count,
                             const struct kafka_topic_state *states, struct err *err)
{
    struct buf text CLEANUP(buf_fini);
    enum err_code rc = ERR_OK;
    buf_init(&text, sizeof err->text - 1);
    for (size_t i = 0; i < count; i++) {
        const char *sep = text.len > 0 ? "; " : "";
        if (states[i].partitions == 0) {
            rc = rc != ERR_OK ? rc : ERR_NOT_FOUND;
            buf_add_f(&text, "%stopic %s is missing", sep, topics[i].name);
        } else if (states[i].partitions != topics[i].partitions) {
            rc = ERR_CONFLICT;
            buf_add_f(&text, "%stopic %s has %d partitions, configured are %d", sep, topics[i].name,
                      states[i].partitions, topics[i].partitions);
        }
    }
    return rc == ERR_OK ? rc : ERR_SET_ACT(err, rc, ERR_ACT_CONFIG, "%s", buf_c(&text));
}

enum err_code kafka_topics_describe(struct co_loop *loop, const struct kafka_cluster *cluster,
                                    const struct kafka_topic *topics, size_t count,
                                    int64_t deadline, struct kafka_topic_state *ret_states,
                                    struct err *err)
{
    return with_handle(loop, cluster, topics, count, false, deadline, ret_states, err);
}

enum err_code kafka_topics_check(struct co_loop *loop, const struct kafka_cluster *cluster,
                                 const struct kafka_topic *topics, size_t count, int64_t deadline,
                                 struct err *err)
{
    struct kafka_topic_state *states CLEANUP(xfree_ptr) = xcalloc(count + 1, sizeof *states);
    enum err_code rc = with_handle(loop, cluster, topics, count, false, deadline, states, err);
    return rc == ERR_OK ? compare(topics, count, states, err) : rc;
}

enum err_code kafka_topics_create(struct co_loop *loop, const struct kafka_cluster *cluster,
                                  const struct kafka_topic *topics, size_t count, int64_t deadline,
                                  struct err *err)
{
    struct kafka_topic_state *states CLEANUP(xfree_ptr) = xcalloc(count + 1, sizeof *states);
    enum err_code rc = with_handle(loop, cluster, topics, count, true, deadline, states, err);
    return rc == ERR_OK ? compare(topics, count, states, err) : rc;
}
