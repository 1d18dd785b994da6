#include "notice.h"

struct notice_flight {
    struct notices *of;
    struct notice_key key;
    struct list current; /* wait for the record under way */
    struct list next;    /* wait for the one after it */
    bool under_way;
    bool starting; /* within send(), whose report may come before it returns */
};

struct waiter {
    struct list node;
    struct co_wait wait;
    enum err_code code;
    struct err err;
};

void notices_init(struct notices *n, notice_send_fn send, void *arg)
{
    map_init(&n->flights);
    n->send = send;
    n->arg = arg;
}

void notices_fini(struct notices *n)
{
    BUG_ON(n->flights.len != 0);
    map_fini(&n->flights);
}

static struct str key_bytes(const struct notice_key *key)
{
    return (struct str){(const char *)key, sizeof *key};
}

static struct notice_flight *flight_of(struct notices *n, const struct notice_key *key)
{
    struct notice_flight *f = map_find(&n->flights, key_bytes(key));
    if (f == NULL) {
        f = xcalloc(1, sizeof *f);
        f->of = n;
        f->key = *key;
        list_init(&f->current);
        list_init(&f->next);
        map_put(&n->flights, key_bytes(key), f);
    }
    return f;
}

static void settle(struct notice_flight *f, enum err_code code, const struct err *err)
{
    struct list *node;
    while ((node = list_pop(&f->current)) != NULL) {
        struct waiter *w = LIST_ENTRY(node, struct waiter, node);
        w->code = code;
        if (err != NULL) {
            w->err = *err;
        }
        co_wake(&w->wait);
    }
    f->under_way = false;
}

/* Sends for those who wait, until a record is under way or nobody waits; then the flight ends. */
static void pump(struct notice_flight *f)
{
    f->starting = true;
    while (!f->under_way && !list_empty(&f->next)) {
        struct err err = {0};
        struct list *node;
        while ((node = list_pop(&f->next)) != NULL) {
            list_push(&f->current, node);
        }
        f->under_way = true;
        enum err_code rc = f->of->send(f->of->arg, &f->key, f, &err);
        if (rc != ERR_OK) {
            settle(f, rc, &err);
        }
    }
    f->starting = false;
    if (!f->under_way) {
        map_remove(&f->of->flights, key_bytes(&f->key));
        free(f);
    }
}

void notice_done(struct notice_flight *f, enum err_code code, const struct err *err)
{
    settle(f, code, err);
    if (!f->starting) {
        pump(f);
    }
}

enum err_code notice_record(struct notices *n, const struct notice_key *key, int64_t deadline,
                            bool *ret_shared, struct err *err)
{
    struct waiter w = {.code = ERR_OK};
    struct notice_flight *f = flight_of(n, key);

    co_wait_init(&w.wait);
    bool shared = !list_empty(&f->next);
    list_push(&f->next, &w.node);
    if (!f->under_way) {
        pump(f);
    }
    enum err_code rc = co_wait(&w.wait, deadline, err);
    list_remove(&w.node);
    if (rc != ERR_OK) {
        return rc;
    }
    if (w.code != ERR_OK) {
        if (err != NULL) {
            *err = w.err;
        }
        return w.code;
    }
    *ret_shared = shared;
    return ERR_OK;
}
