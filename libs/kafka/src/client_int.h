/* What the adapters share: configuration, errors, queues in the loop, and blocking calls.
 *
 * A queue raises an eventfd when it turns from empty to not empty, and not again until then: who
 * is called must drain it to NULL. A call of librdkafka that blocks (offsets, metadata, destroy)
 * goes to libuv's threads as a job; jobs hold a reference on the handle, so that it cannot be
 * destroyed under them. */
#ifndef KAFKA_CLIENT_INT_H
#define KAFKA_CLIENT_INT_H

#include "kafka/client.h"
#include "runtime/co.h"

#include <librdkafka/rdkafka.h>

/* ---- configuration and errors ------------------------------------------------------------------
 */

/* For one property after another; the first failure stays in err. */
struct kafka_conf {
    rd_kafka_conf_t *conf;
    enum err_code code;
    struct err *err;
};

struct kafka_conf kafka_conf_new(const struct kafka_cluster *cluster, struct err *err);
void kafka_conf_set(struct kafka_conf *c, const char *name, const char *value);
void kafka_conf_set_int(struct kafka_conf *c, const char *name, int64_t value);
/* For properties that the linked version may not know. */
void kafka_conf_try(struct kafka_conf *c, const char *name, const char *value);
/* Applies the cluster's own settings and makes the handle; conf is consumed. errs: ERR_CONFIG. */
MUST_CHECK enum err_code kafka_conf_make(struct kafka_conf *c, const struct kafka_cluster *cluster,
                                         rd_kafka_type_t type, rd_kafka_t **ret_rk);

/* The code for librdkafka's. */
enum err_code kafka_err_code(rd_kafka_resp_err_t code);
/* Fills err: "what: librdkafka's words". */
enum err_code kafka_err(struct err *err, rd_kafka_resp_err_t code, const char *what);

/* The parts of a record, borrowed from m. */
void kafka_record_view(const rd_kafka_message_t *m, struct kafka_record *ret_record);

/* Takes care of what any queue may hold: errors, logs. True: it was such an event. fatal: set when
 * the handle cannot go on. */
bool kafka_event_common(rd_kafka_t *rk, rd_kafka_event_t *event, bool *ret_fatal);

/* ---- what must end before an adapter may be freed ---------------------------------------------
 */

/* Jobs in threads, handles of the loop that close. */
struct kafka_jobs {
    size_t count;
    struct co_signal done;
};

void kafka_jobs_init(struct kafka_jobs *jobs);
/* False: some are still under way. */
CO_FN bool kafka_jobs_wait(struct kafka_jobs *jobs, int64_t deadline);

/* ---- queues in the loop
 * -------------------------------------------------------------------------- */

struct kafka_pump;

/* fn(ctx) is called on the loop when a watched queue turns from empty to not empty. */
struct kafka_pump *kafka_pump_new(struct co_loop *loop, struct kafka_jobs *jobs,
                                  void (*fn)(void *ctx), void *ctx);
void kafka_pump_watch(struct kafka_pump *pump, rd_kafka_queue_t *queue);
void kafka_pump_silence(rd_kafka_queue_t *queue);
/* fn is not called any more; the queues were silenced. Takes NULL; the rest is a job. */
struct kafka_pump *kafka_pump_free(struct kafka_pump *pump);

/* ---- handles
 * ------------------------------------------------------------------------------------- */

struct kafka_handle {
    rd_kafka_t *rk;
    struct co_loop *loop;
    struct kafka_jobs *jobs;
    int refs;
};

/* Owns rk. */
struct kafka_handle *kafka_handle_new(struct co_loop *loop, struct kafka_jobs *jobs,
                                      rd_kafka_t *rk);
/* The last one destroys it, in a thread, as a job. */
void kafka_handle_put(struct kafka_handle *h);

/* ---- blocking calls
 * ------------------------------------------------------------------------------ */

/* A blocking call: the first member of a struct of the caller's, xmalloc'ed. */
struct kafka_job {
    void (*work)(struct kafka_job *job, rd_kafka_t *rk); /* in a thread: touches the job only */
    void (*free)(struct kafka_job *job);
    uv_work_t req;
    struct kafka_handle *handle;
    struct co_wait wait;
    bool ended;
    bool abandoned;
};

/* ERR_OK: the work was done and the job is the caller's to free. Otherwise it is freed when it
 * ends. errs: ERR_TIMEOUT, ERR_CANCELED. */
CO_FN MUST_CHECK enum err_code kafka_job_run(struct kafka_handle *h, struct kafka_job *job,
                                             int64_t deadline, struct err *err);

/* What is left of it for a blocking call: 1 .. max ms. */
int kafka_timeout(int64_t deadline, int max_ms);

#endif
