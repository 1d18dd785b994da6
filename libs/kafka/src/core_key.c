#include "core_int.h"

/* Full jitter between these, the upper bound doubling from twice the lower one.
 * src: Brooker, "Exponential Backoff And Jitter", 2015 */
#define BACKOFF_MIN_MS 500
#define BACKOFF_MAX_MS 60000

struct core_key *kafka_key_find(struct core_part *part, struct str bytes)
{
    return bytes.ptr != NULL ? map_find(&part->keys, bytes) : NULL;
}

struct core_key *kafka_key_new(struct core_part *part, struct str bytes)
{
    struct core_key *key = xcalloc(1, sizeof *key);
    key->part = part;
    list_init(&key->node);
    list_init(&key->keyless);
    list_init(&key->dirty);
    key->priority = KAFKA_POLL;
    key->last_start = INT64_MIN / 2;
    if (bytes.ptr != NULL) {
        char *copy = xmalloc(bytes.len + 1);
        memcpy(copy, bytes.ptr, bytes.len);
        copy[bytes.len] = '\0'; /* for people with a debugger */
        key->bytes = (struct str){copy, bytes.len};
        map_put(&part->keys, key->bytes, key);
    } else {
        list_push(&part->keyless, &key->keyless);
    }
    part->key_count++;
    return key;
}

void kafka_key_free(struct kafka_core *core, struct core_key *key)
{
    BUG_ON(key->run != NULL || key->where != CORE_NOWHERE || !list_empty(&key->dirty));
    core->due_items -= key->due.len;
    if (key->bytes.ptr != NULL) {
        map_remove(&key->part->keys, key->bytes);
        free((void *)(uintptr_t)key->bytes.ptr);
    }
    list_remove(&key->keyless);
    key->part->key_count--;
    vec_fini(&key->due);
    free(key);
}

bool kafka_key_has_work(const struct core_key *key)
{
    return !list_empty(&key->dirty) || key->due.len > 0;
}

static bool record_covers(const struct core_record *r, uint64_t item, uint32_t reasons)
{
    return (r->item == 0 || r->item == item) && (r->reasons & reasons) == reasons;
}

bool kafka_key_covers(const struct core_key *key, uint64_t item, uint32_t reasons)
{
    list_foreach (node, &key->dirty) {
        if (record_covers(LIST_ENTRY(node, struct core_record, in_key), item, reasons)) {
            return true;
        }
    }
    return false;
}

static void collapse(struct core_items *items, uint32_t reasons)
{
    vec_foreach (i, items) {
        reasons |= i->reasons;
    }
    vec_reset(items);
    vec_push(items, (struct kafka_core_dirty){0, reasons});
}

void kafka_items_add(struct core_items *items, uint64_t item, uint32_t reasons)
{
    if (item == 0) {
        collapse(items, reasons);
        return;
    }
    vec_foreach (i, items) {
        if (i->item == item || i->item == 0) {
            i->reasons |= reasons;
            return;
        }
    }
    if (items->len == KAFKA_ITEMS_MAX) {
        collapse(items, reasons);
    } else {
        vec_push(items, (struct kafka_core_dirty){item, reasons});
    }
}

/* Moves due items; *count follows the number of items that are held. */
static void move_due(struct core_items *from, struct core_items *to, size_t *count)
{
    *count -= from->len + to->len;
    vec_foreach (i, from) {
        kafka_items_add(to, i->item, i->reasons);
    }
    vec_reset(from);
    *count += to->len;
}

static void publish(struct core_run *run)
{
    run->pub.items = run->items.ptr;
    run->pub.item_count = run->items.len;
    run->pub.reasons = 0;
    vec_foreach (i, &run->items) {
        run->pub.reasons |= i->reasons;
    }
}

void kafka_key_take(struct kafka_core *core, struct core_key *key, struct core_run *run)
{
    run->pub.priority = MIN(run->pub.priority, key->priority);
    vec_foreach (i, &key->due) {
        kafka_items_add(&run->items, i->item, i->reasons);
    }
    move_due(&key->due, &run->due, &core->due_items);
    list_foreach_safe (node, &key->dirty) {
        struct core_record *r = LIST_ENTRY(node, struct core_record, in_key);
        list_remove(node);
        list_push(&run->taken, node);
        kafka_items_add(&run->items, r->item, r->reasons);
        run->pub.record_count++;
        if (run->pub.oldest_at == 0 || r->timestamp < run->pub.oldest_at) {
            run->pub.oldest_at = r->timestamp;
        }
        if (r->has_trace && run->pub.trace == NULL) {
            memcpy(run->trace, r->trace, sizeof run->trace);
            run->pub.trace = run->trace;
        }
        if (!core->opts.coalesce) {
            run->pub.cookie = r->cookie;
            r->cookie = NULL; /* the run's now */
            break;
        }
    }
    key->priority = KAFKA_POLL;
    if (!list_empty(&key->dirty)) { /* command mode: the next one's */
        key->priority = LIST_ENTRY(key->dirty.next, struct core_record, in_key)->priority;
    }
    publish(run);
}

/* Several dirty records that say the same, because one came while a run was out that then failed:
 * the earliest stays. Keeps a key's incomplete records at one for each item and reason. */
static void merge_covered(struct kafka_core *core, struct core_key *key)
{
    list_foreach (node, &key->dirty) {
        struct core_record *r = LIST_ENTRY(node, struct core_record, in_key);
        for (struct list *later = node->next, *next; later != &key->dirty; later = next) {
            struct core_record *l = LIST_ENTRY(later, struct core_record, in_key);
            next = later->next;
            if (record_covers(r, l->item, l->reasons)) {
                core->stats.coalesced++;
                kafka_record_complete(core, key->part, l);
            }
        }
    }
}

void kafka_key_give_back(struct kafka_core *core, struct core_key *key, struct core_run *run)
{
    move_due(&run->due, &key->due, &core->due_items);
    bool had_records = !list_empty(&run->taken);
    while (!list_empty(&run->taken)) { /* backwards, so that the order by offset stays */
        struct list *node = run->taken.prev;
        struct core_record *r = LIST_ENTRY(node, struct core_record, in_key);
        list_remove(node);
        list_push_front(&key->dirty, node);
        if (!core->opts.coalesce) {
            r->cookie = run->pub.cookie;
            run->pub.cookie = NULL;
        }
    }
    key->priority = core->opts.coalesce || !had_records ? MIN(key->priority, run->pub.priority)
                                                        : run->pub.priority;
    if (core->opts.coalesce) {
        merge_covered(core, key);
    }
}

static uint64_t next_random(struct kafka_core *core)
{
    /* splitmix64.  src: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" */
    uint64_t z = core->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

void kafka_key_failed(struct kafka_core *core, struct core_key *key, int32_t retry_after_ms,
                      int64_t now)
{
    const struct kafka_core_opts *o = &core->opts;
    if (key->tries++ == 0) {
        key->first_failed_at = now;
    }
    int64_t span_end = key->first_failed_at + o->retry_span_ms;
    core->stats.retries++;
    if (!key->park &&
        (key->tries >= o->tries_max || now >= span_end || now + retry_after_ms > span_end)) {
        key->park = true;
        key->retry_after_ms = retry_after_ms;
        key->not_before = 0;
        key->asked = false;
        return;
    }
    int64_t bound = BACKOFF_MIN_MS * (INT64_C(2) << MIN(key->tries - 1, 16));
    int64_t width = MIN(bound, (int64_t)BACKOFF_MAX_MS) - BACKOFF_MIN_MS;
    int64_t wait = BACKOFF_MIN_MS + (int64_t)(next_random(core) % (uint64_t)(width + 1));
    key->asked = retry_after_ms > 0;
    key->not_before = now + MAX(wait, (int64_t)retry_after_ms);
}

void kafka_key_succeeded(struct core_key *key)
{
    key->tries = 0;
    key->first_failed_at = 0;
    key->park = false;
    key->retry_after_ms = 0;
    key->not_before = 0;
    key->asked = false;
}

/* The earliest start of what waits, or until when an idle key is remembered. */
static int64_t settle_at(const struct kafka_core *core, const struct core_key *key, bool work)
{
    int64_t at = work ? key->not_before : 0;
    if (!core->opts.coalesce || core->opts.min_interval_ms <= 0 || key->park ||
        (work && key->priority == KAFKA_INTERACTIVE)) {
        return at;
    }
    /* An idle key is kept for its interval too, or a storm that comes slower than its runs end
     * would find no memory of the last start. */
    return MAX(at, key->last_start + core->opts.min_interval_ms);
}

void kafka_key_settle(struct kafka_core *core, struct core_key *key, int64_t now)
{
    BUG_ON(key->run != NULL);
    bool work = kafka_key_has_work(key);
    int64_t at = settle_at(core, key, work);
    bool run = work && at <= now && key->part->state == CORE_PART_ASSIGNED;
    if (run && key->where == CORE_READY && key->queued_as == key->priority &&
        key->queued_at->id == key->tenant) {
        return; /* a busy key must not lose its place by more work */
    }
    kafka_queue_remove(core, key);
    if (run) {
        kafka_queue_ready(core, key);
    } else if (key->part->state == CORE_PART_ASSIGNED && at > now) {
        kafka_queue_timed(core, key, at);
    } else if (!work) {
        kafka_key_free(core, key);
    }
}
