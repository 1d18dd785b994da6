#include "simulator/deliver.h"

#include "http/client.h"
#include "simulator/google/watch.h"

#define ATTEMPT_MS 10000
#define IN_FLIGHT_MAX 4096 /* coroutines; what is over it waits for the next flush */

struct deliver {
    struct co_loop *loop;
    struct sim *sim;
    struct http_client *client;
    struct co_group group;
    uv_timer_t *coalesce;
    bool armed;
};

struct attempt {
    struct deliver *d;
    struct push *push;
};

static CO_FN int post(struct deliver *d, const struct push *push)
{
    struct arena arena CLEANUP(arena_fini);
    struct http_header headers[PUSH_HEADERS_MAX];
    struct http_response response = {0};
    arena_init(&arena);
    for (size_t i = 0; i < push->header_count; i++) {
        headers[i] = (struct http_header){push->headers[i].name, push->headers[i].value};
    }
    const struct http_request request = {
        .method = "POST",
        .url = str_c(push->address),
        .headers = headers,
        .header_count = push->header_count,
        .body = push->body.len > 0 ? push->body : STR(""),
        .deadline = co_after(ATTEMPT_MS),
    };
    struct err err;
    if (http_fetch(d->client, &request, &arena, &response, &err) != ERR_OK) {
        return 0;
    }
    return response.status;
}

static CO_FN void run(void *arg)
{
    struct attempt *a = arg;
    struct deliver *d = a->d;
    struct push *push = a->push;
    int status = 0;
    free(a);
    if (push->delay_ms <= 0 || co_sleep(push->delay_ms, NULL) == ERR_OK) {
        status = post(d, push);
    }
    if (co_is_canceled()) {
        d->sim->pushes.waiting--;
        push_free(push);
        return;
    }
    push_done(&d->sim->pushes, push, status);
}

static void start(void *arg, struct push *push)
{
    struct deliver *d = arg;
    struct attempt *a = xmalloc(sizeof *a);
    *a = (struct attempt){d, push};
    if (co_spawn(&d->group, "push", run, a, NULL) != ERR_OK) {
        free(a);
        d->sim->pushes.waiting--;
        d->sim->pushes.dropped++;
        push_free(push);
    }
}

/* ---- coalescing ---------------------------------------------------------------------------- */

static void on_coalesced(uv_timer_t *timer)
{
    struct deliver *d = timer->data;
    d->armed = false;
    g_watch_flush(d->sim->google);
}

static void on_dirty(void *arg)
{
    struct deliver *d = arg;
    if (!d->armed) {
        d->armed = true;
        uv_timer_start(d->coalesce, on_coalesced, (uint64_t)d->sim->pushes.settings.coalesce_ms, 0);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    free(handle);
}

enum err_code deliver_new(struct co_loop *loop, struct sim *sim, struct deliver **ret_deliver,
                          struct err *err)
{
    const struct http_client_opts opts = {
        .user_agent = "APIs-Google; (+https://developers.google.com/webmasters/APIs-Google.html)",
        .max_in_flight = IN_FLIGHT_MAX,
        .max_waiting = PUSH_WAITING_MAX,
    };
    struct http_client *client;
    enum err_code rc = http_client_new(loop, &opts, &client, err);
    if (rc != ERR_OK) {
        return rc;
    }
    struct deliver *d = xcalloc(1, sizeof *d);
    *d = (struct deliver){.loop = loop, .sim = sim, .client = client};
    co_group_init(&d->group, loop);
    d->coalesce = xmalloc(sizeof *d->coalesce);
    uv_timer_init(co_loop_uv(loop), d->coalesce);
    d->coalesce->data = d;
    sim->pushes.start = start;
    sim->pushes.start_arg = d;
    sim->google->on_dirty = on_dirty;
    sim->google->on_dirty_arg = d;
    *ret_deliver = d;
    return ERR_OK;
}

CO_FN void deliver_free(struct deliver *d)
{
    d->sim->pushes.start = NULL;
    d->sim->google->on_dirty = NULL;
    uv_close((uv_handle_t *)d->coalesce, on_timer_closed);
    co_group_fini(&d->group);
    http_client_free(d->client);
    free(d);
}
