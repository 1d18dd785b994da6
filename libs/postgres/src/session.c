/* A session's socket in the loop, and its end. */
#include "session_int.h"

static void on_closed(uv_handle_t *handle)
{
    free(handle->data);
}

/* The socket stays watched between calls, so that the loop has nothing to change on the way from
 * one statement to the next; only bytes that nobody waits for switch it off. */
static void on_poll(uv_poll_t *handle, int status, int events)
{
    struct pg_poll *poll = handle->data;
    (void)events;
    if (status < 0) {
        poll->events = 0; /* libuv has stopped; libpq finds the reason when it reads */
    }
    if (poll->waiter != NULL) {
        co_wake(poll->waiter);
        return;
    }
    uv_poll_stop(handle);
    poll->events = 0;
    if (poll->session->idle) {
        /* A server does not speak to an idle session but to end it. */
        struct pg_session *s = poll->session;
        list_remove(&s->node);
        s->pool->healthy = false;
        session_free(s);
    }
}

void session_watch(struct pg_session *s)
{
    struct pg_poll *poll = xcalloc(1, sizeof *poll);
    poll->session = s;
    poll->handle.data = poll;
    BUG_ON(uv_poll_init_socket(co_loop_uv(s->pool->loop), &poll->handle, PQsocket(s->pq)) != 0);
    s->poll = poll;
}

void session_unwatch(struct pg_session *s)
{
    if (s->poll != NULL) {
        uv_close((uv_handle_t *)&s->poll->handle, on_closed);
        s->poll = NULL;
    }
}

static void watch_for(struct pg_session *s, int events)
{
    if (s->poll->events != events) {
        BUG_ON(uv_poll_start(&s->poll->handle, events, on_poll) != 0);
        s->poll->events = events;
    }
}

void session_rest(struct pg_session *s)
{
    watch_for(s, UV_READABLE);
}

enum err_code session_wait(struct pg_session *s, int events, int64_t deadline, struct err *err)
{
    struct co_wait wait;
    struct pg_poll *poll = s->poll;
    co_wait_init(&wait);
    watch_for(s, events);
    poll->waiter = &wait;
    enum err_code rc = co_wait(&wait, deadline, err);
    poll->waiter = NULL;
    return rc;
}

enum err_code session_ready(const struct pg_session *s, int64_t deadline, struct err *err)
{
    if (s->pq == NULL) {
        return ERR_SET_ACT(err, ERR_CLOSED, ERR_ACT_RETRY, "the session was lost before");
    }
    if (co_is_canceled()) {
        return ERR_SET(err, ERR_CANCELED, "canceled before anything was sent");
    }
    if (co_now() >= deadline) {
        return ERR_SET(err, ERR_TIMEOUT, "too late, nothing was sent");
    }
    return ERR_OK;
}

void session_drop(struct pg_session *s)
{
    session_unwatch(s); /* before the descriptor goes, which libuv would miss */
    PQfinish(s->pq);
    s->pq = NULL;
}

struct pg_session *session_free(struct pg_session *s)
{
    if (s == NULL) {
        return NULL;
    }
    size_t at = 0;
    void *prepared;
    session_drop(s);
    while (map_next(&s->prepared, &at, NULL, &prepared)) {
        free(prepared);
    }
    map_fini(&s->prepared);
    free(s);
    return NULL;
}
