#include "client_int.h"

#include <sys/eventfd.h>
#include <unistd.h>

/* ---- what must end before an adapter may be freed ---------------------------------------------
 */

void kafka_jobs_init(struct kafka_jobs *jobs)
{
    jobs->count = 0;
    co_signal_init(&jobs->done);
}

bool kafka_jobs_wait(struct kafka_jobs *jobs, int64_t deadline)
{
    while (jobs->count > 0) {
        if (co_signal_wait(&jobs->done, deadline, NULL) != ERR_OK) {
            return jobs->count == 0;
        }
    }
    return true;
}

static void job_ended(struct kafka_jobs *jobs)
{
    jobs->count--;
    co_signal_raise(&jobs->done);
}

/* ---- queues in the loop
 * -------------------------------------------------------------------------- */

struct kafka_pump {
    uv_poll_t poll;
    int fd;
    struct kafka_jobs *jobs;
    void (*fn)(void *ctx);
    void *ctx;
};

static void on_readable(uv_poll_t *poll, int status UNUSED, int events UNUSED)
{
    struct kafka_pump *pump = poll->data;
    uint64_t count;
    ssize_t n = read(pump->fd, &count, sizeof count); /* before draining: a later raise counts */
    (void)n;
    pump->fn(pump->ctx);
}

struct kafka_pump *kafka_pump_new(struct co_loop *loop, struct kafka_jobs *jobs,
                                  void (*fn)(void *ctx), void *ctx)
{
    struct kafka_pump *pump = xcalloc(1, sizeof *pump);
    pump->jobs = jobs;
    pump->fn = fn;
    pump->ctx = ctx;
    pump->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    BUG_ON(pump->fd < 0); /* out of descriptors at start */
    BUG_ON(uv_poll_init(co_loop_uv(loop), &pump->poll, pump->fd) != 0);
    pump->poll.data = pump;
    BUG_ON(uv_poll_start(&pump->poll, UV_READABLE, on_readable) != 0);
    return pump;
}

void kafka_pump_watch(struct kafka_pump *pump, rd_kafka_queue_t *queue)
{
    static const uint64_t one = 1; /* what an eventfd takes */
    rd_kafka_queue_io_event_enable(queue, pump->fd, &one, sizeof one);
    /* What came before is not told: the queue is not empty, and so never turns to not empty. */
    ssize_t n = write(pump->fd, &one, sizeof one);
    (void)n;
}

void kafka_pump_silence(rd_kafka_queue_t *queue)
{
    rd_kafka_queue_io_event_enable(queue, -1, NULL, 0);
}

static void on_closed(uv_handle_t *handle)
{
    struct kafka_pump *pump = handle->data;
    close(pump->fd);
    job_ended(pump->jobs);
    free(pump);
}

struct kafka_pump *kafka_pump_free(struct kafka_pump *pump)
{
    if (pump != NULL) {
        pump->jobs->count++;
        uv_close((uv_handle_t *)&pump->poll, on_closed);
    }
    return NULL;
}

/* ---- handles and jobs
 * ------------------------------------------------------------------------------ */

struct kafka_handle *kafka_handle_new(struct co_loop *loop, struct kafka_jobs *jobs, rd_kafka_t *rk)
{
    struct kafka_handle *h = xcalloc(1, sizeof *h);
    h->rk = rk;
    h->loop = loop;
    h->jobs = jobs;
    h->refs = 1;
    return h;
}

struct destroy_job {
    uv_work_t req;
    struct kafka_handle *handle;
};

static void destroy_work(uv_work_t *req)
{
    struct destroy_job *d = req->data;
    /* The engine has closed its consumer already, within its bound. */
    rd_kafka_destroy_flags(d->handle->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
}

static void destroy_after(uv_work_t *req, int status UNUSED)
{
    struct destroy_job *d = req->data;
    job_ended(d->handle->jobs);
    free(d->handle);
    free(d);
}

void kafka_handle_put(struct kafka_handle *h)
{
    if (h == NULL || --h->refs > 0) {
        return;
    }
    struct destroy_job *d = xcalloc(1, sizeof *d);
    d->req.data = d;
    d->handle = h;
    h->jobs->count++;
    BUG_ON(uv_queue_work(co_loop_uv(h->loop), &d->req, destroy_work, destroy_after) != 0);
}

static void job_work(uv_work_t *req)
{
    struct kafka_job *job = req->data;
    job->work(job, job->handle->rk);
}

static void job_after(uv_work_t *req, int status UNUSED)
{
    struct kafka_job *job = req->data;
    struct kafka_handle *h = job->handle;
    job->ended = true;
    if (job->abandoned) {
        job->free(job);
    } else {
        co_wake(&job->wait);
    }
    job_ended(h->jobs);
    kafka_handle_put(h);
}

enum err_code kafka_job_run(struct kafka_handle *h, struct kafka_job *job, int64_t deadline,
                            struct err *err)
{
    job->req.data = job;
    job->handle = h;
    job->ended = job->abandoned = false;
    co_wait_init(&job->wait);
    h->refs++;
    h->jobs->count++;
    BUG_ON(uv_queue_work(co_loop_uv(h->loop), &job->req, job_work, job_after) != 0);
    enum err_code rc = co_wait(&job->wait, deadline, err);
    if (rc != ERR_OK && job->ended) { /* in the same turn */
        job->free(job);
    } else if (rc != ERR_OK) {
        job->abandoned = true;
    }
    return rc;
}

int kafka_timeout(int64_t deadline, int max_ms)
{
    int64_t left = deadline - co_now();
    return left < 1 ? 1 : left > max_ms ? max_ms : (int)left;
}
