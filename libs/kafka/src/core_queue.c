#include "core_int.h"

/* ---- ready: a lane for each priority, in it the tenants in turn, in these their keys ----------
 */

static struct str tenant_key(const uint64_t *id)
{
    return (struct str){(const char *)id, sizeof *id};
}

static struct core_tenant *tenant_get(struct kafka_core *core, uint64_t id)
{
    struct core_tenant *t = map_find(&core->tenants, tenant_key(&id));
    if (t == NULL) {
        t = xcalloc(1, sizeof *t);
        t->id = id;
        for (size_t p = 0; p < KAFKA_PRIORITIES; p++) {
            list_init(&t->lane[p].node);
            list_init(&t->lane[p].keys);
        }
        map_put(&core->tenants, tenant_key(&id), t);
    }
    return t;
}

static void tenant_put(struct kafka_core *core, struct core_tenant *t)
{
    if (--t->keys == 0) {
        map_remove(&core->tenants, tenant_key(&t->id));
        free(t);
    }
}

void kafka_queue_ready(struct kafka_core *core, struct core_key *key)
{
    BUG_ON(key->where != CORE_NOWHERE || key->run != NULL);
    struct core_tenant *t = tenant_get(core, key->tenant);
    enum kafka_priority p = key->priority;
    if (list_empty(&t->lane[p].keys)) {
        list_push(&core->lanes[p], &t->lane[p].node);
    }
    list_push(&t->lane[p].keys, &key->node);
    t->keys++;
    key->queued_at = t;
    key->queued_as = p;
    key->where = CORE_READY;
    core->stats.ready++;
}

static void leave_ready(struct kafka_core *core, struct core_key *key)
{
    struct core_tenant *t = key->queued_at;
    list_remove(&key->node);
    if (list_empty(&t->lane[key->queued_as].keys)) {
        list_remove(&t->lane[key->queued_as].node);
    }
    key->queued_at = NULL;
    key->where = CORE_NOWHERE;
    core->stats.ready--;
    tenant_put(core, t);
}

struct core_key *kafka_queue_pop(struct kafka_core *core, enum kafka_priority priority)
{
    struct list *lane = &core->lanes[priority];
    if (list_empty(lane)) {
        return NULL;
    }
    /* The tenant goes to the end of the lane before its key is taken off: leave_ready() removes it
     * (and may free it) where that key was its last. */
    struct list *node = list_pop(lane);
    list_push(lane, node);
    struct core_tenant *t = CONTAINER_OF(node, struct core_tenant, lane[priority].node);
    struct core_key *key = LIST_ENTRY(t->lane[priority].keys.next, struct core_key, node);
    leave_ready(core, key);
    return key;
}

/* ---- timed: a binary heap by wake_at -----------------------------------------------------------
 */

static void heap_set(struct kafka_core *core, size_t at, struct core_key *key)
{
    core->timed.ptr[at] = key;
    key->heap_index = at;
}

static void heap_up(struct kafka_core *core, size_t at)
{
    struct core_key *key = core->timed.ptr[at];
    while (at > 0 && core->timed.ptr[(at - 1) / 2]->wake_at > key->wake_at) {
        heap_set(core, at, core->timed.ptr[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_set(core, at, key);
}

static void heap_down(struct kafka_core *core, size_t at)
{
    struct core_key *key = core->timed.ptr[at];
    for (;;) {
        size_t child = at * 2 + 1;
        if (child >= core->timed.len) {
            break;
        }
        if (child + 1 < core->timed.len &&
            core->timed.ptr[child + 1]->wake_at < core->timed.ptr[child]->wake_at) {
            child++;
        }
        if (core->timed.ptr[child]->wake_at >= key->wake_at) {
            break;
        }
        heap_set(core, at, core->timed.ptr[child]);
        at = child;
    }
    heap_set(core, at, key);
}

void kafka_queue_timed(struct kafka_core *core, struct core_key *key, int64_t wake_at)
{
    BUG_ON(key->where != CORE_NOWHERE || key->run != NULL);
    key->wake_at = wake_at;
    key->where = CORE_TIMED;
    vec_push(&core->timed, key);
    heap_up(core, core->timed.len - 1);
}

static void leave_timed(struct kafka_core *core, struct core_key *key)
{
    size_t at = key->heap_index;
    struct core_key *last = core->timed.ptr[--core->timed.len];
    key->where = CORE_NOWHERE;
    if (last != key) {
        heap_set(core, at, last);
        heap_up(core, at);
        heap_down(core, last->heap_index);
    }
}

struct core_key *kafka_queue_pop_timed(struct kafka_core *core, int64_t now)
{
    if (core->timed.len == 0 || core->timed.ptr[0]->wake_at > now) {
        return NULL;
    }
    struct core_key *key = core->timed.ptr[0];
    leave_timed(core, key);
    return key;
}

void kafka_queue_remove(struct kafka_core *core, struct core_key *key)
{
    switch (key->where) {
    case CORE_READY:
        leave_ready(core, key);
        break;
    case CORE_TIMED:
        leave_timed(core, key);
        break;
    case CORE_NOWHERE:
        break;
    }
}
