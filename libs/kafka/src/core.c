#include "core_int.h"

#define SLOT_MAX 65536

struct kafka_core *kafka_core_new(const struct kafka_core_opts *opts)
{
    struct kafka_core *core = xcalloc(1, sizeof *core);
    struct kafka_core_opts *o = &core->opts;
    *o = *opts;
    o->max_in_flight = o->max_in_flight > 0 ? o->max_in_flight : 512;
    if (o->interactive_slots == 0) {
        o->interactive_slots = MAX(o->max_in_flight / 16, (size_t)1);
    }
    if (o->interactive_slots >= o->max_in_flight) { /* others must get at least one slot */
        o->interactive_slots = o->max_in_flight - 1;
    }
    o->min_interval_ms = o->min_interval_ms != 0 ? o->min_interval_ms : 1000;
    o->tries_max = o->tries_max > 0 ? o->tries_max : 5;
    o->retry_span_ms = o->retry_span_ms > 0 ? o->retry_span_ms : 60000;
    o->partition_bytes = o->partition_bytes > 0 ? o->partition_bytes : (size_t)8 << 20;
    o->total_bytes = o->total_bytes > 0 ? o->total_bytes : (size_t)64 << 20;
    core->random = o->seed;
    list_init(&core->runs);
    list_init(&core->dropped);
    for (size_t p = 0; p < KAFKA_PRIORITIES; p++) {
        list_init(&core->lanes[p]);
    }
    return core;
}

static void run_free(struct core_run *run)
{
    list_remove(&run->node);
    vec_fini(&run->items);
    vec_fini(&run->due);
    free(run);
}

static struct core_part *part_of(const struct kafka_core *core, int32_t slot)
{
    bool known = slot >= 0 && (size_t)slot < core->parts.len;
    return known ? core->parts.ptr[slot] : NULL;
}

static struct core_part *assigned(const struct kafka_core *core, int32_t slot)
{
    struct core_part *part = part_of(core, slot);
    return part != NULL && part->state == CORE_PART_ASSIGNED ? part : NULL;
}

struct kafka_core *kafka_core_free(struct kafka_core *core)
{
    if (core == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < core->parts.len; i++) {
        if (core->parts.ptr[i] != NULL) {
            kafka_core_unassign(core, (int32_t)i);
        }
    }
    BUG_ON(!list_empty(&core->dropped));
    list_foreach_safe (node, &core->runs) {
        struct core_run *run = LIST_ENTRY(node, struct core_run, node);
        run->key->run = NULL;
        kafka_key_free(core, run->key);
        run_free(run);
    }
    vec_foreach (part, &core->parts) {
        if (*part != NULL) {
            map_fini(&(*part)->keys);
            free(*part);
        }
    }
    vec_fini(&core->parts);
    vec_fini(&core->timed);
    map_fini(&core->tenants);
    free(core);
    return NULL;
}

/* ---- records ------------------------------------------------------------------------------- */

static void record_unlink(struct kafka_core *core, struct core_part *part,
                          struct core_record *record)
{
    list_remove(&record->by_offset);
    list_remove(&record->in_key);
    part->incomplete_count--;
    part->bytes -= record->bytes;
    core->stats.bytes -= record->bytes;
}

void kafka_record_drop(struct kafka_core *core, struct core_part *part, struct core_record *record,
                       bool give_cookie)
{
    record_unlink(core, part, record);
    if (give_cookie && record->cookie != NULL) {
        list_push(&core->dropped, &record->by_offset);
    } else {
        free(record);
    }
}

void kafka_record_complete(struct kafka_core *core, struct core_part *part,
                           struct core_record *record)
{
    kafka_tracker_complete(&part->tracker, record->offset);
    part->version++;
    record_unlink(core, part, record);
    free(record);
}

void *kafka_core_dropped(struct kafka_core *core)
{
    struct list *node = list_pop(&core->dropped);
    if (node == NULL) {
        return NULL;
    }
    struct core_record *record = LIST_ENTRY(node, struct core_record, by_offset);
    void *cookie = record->cookie;
    free(record);
    return cookie;
}

/* ---- partitions ---------------------------------------------------------------------------- */

static struct core_part *part_get(struct kafka_core *core, int32_t slot)
{
    BUG_ON(slot < 0 || slot >= SLOT_MAX);
    while (core->parts.len <= (size_t)slot) {
        vec_push(&core->parts, NULL);
    }
    struct core_part *part = core->parts.ptr[slot];
    if (part == NULL) {
        part = core->parts.ptr[slot] = xcalloc(1, sizeof *part);
        part->slot = slot;
        list_init(&part->keyless);
        list_init(&part->incomplete);
    }
    return part;
}

bool kafka_core_assign(struct kafka_core *core, int32_t slot, int64_t committed,
                       struct str metadata)
{
    struct core_part *part = part_get(core, slot);
    kafka_core_unassign(core, slot);
    part->state = CORE_PART_ASSIGNED;
    part->epoch = ++core->epochs;
    part->version = part->committed_version = 0;
    kafka_tracker_init(&part->tracker, committed);
    if (metadata.len == 0) {
        return true;
    }
    int64_t *open CLEANUP(xfree_ptr) = xmalloc(KAFKA_INCOMPLETE_MAX * sizeof *open);
    int64_t end;
    size_t count;
    if (kafka_metadata_decode(metadata, committed, &end, open, &count, NULL) != ERR_OK) {
        return false;
    }
    kafka_tracker_restore(&part->tracker, end, open, count);
    return true;
}

/* fn for each key; it may free the key. */
static void each_key(struct kafka_core *core, struct core_part *part,
                     void (*fn)(struct kafka_core *core, struct core_key *key))
{
    struct str bytes;
    void *value;
    for (size_t at = 0; map_next(&part->keys, &at, &bytes, &value);) {
        fn(core, value);
    }
    list_foreach_safe (node, &part->keyless) {
        fn(core, LIST_ENTRY(node, struct core_key, keyless));
    }
}

void kafka_core_revoke(struct kafka_core *core, int32_t slot)
{
    struct core_part *part = assigned(core, slot);
    if (part != NULL) {
        part->state = CORE_PART_REVOKED;
        each_key(core, part, kafka_queue_remove);
    }
}

/* What a key was to do goes with the assignment; its run, if there is one, stays, so that the next
 * assignment does not start a second one beside it. */
static void forget_key(struct kafka_core *core, struct core_key *key)
{
    kafka_queue_remove(core, key);
    core->due_items -= key->due.len;
    vec_reset(&key->due);
    kafka_key_succeeded(key);
    key->priority = KAFKA_POLL;
    if (key->run == NULL) {
        kafka_key_free(core, key);
    }
}

void kafka_core_unassign(struct kafka_core *core, int32_t slot)
{
    struct core_part *part = part_of(core, slot);
    if (part == NULL || part->state == CORE_PART_NONE) {
        return;
    }
    part->state = CORE_PART_NONE;
    part->epoch = ++core->epochs;
    part->running = 0;
    list_foreach_safe (node, &part->incomplete) {
        kafka_record_drop(core, part, LIST_ENTRY(node, struct core_record, by_offset), true);
    }
    each_key(core, part, forget_key);
}

bool kafka_core_drained(const struct kafka_core *core, int32_t slot)
{
    const struct core_part *part = part_of(core, slot);
    return part == NULL || part->running == 0;
}

uint64_t kafka_core_epoch(const struct kafka_core *core, int32_t slot)
{
    const struct core_part *part = part_of(core, slot);
    return part != NULL ? part->epoch : 0;
}

/* ---- taking records and due work ----------------------------------------------------------- */

static bool has_room(const struct kafka_core *core, const struct core_part *part)
{
    return part->incomplete_count < KAFKA_INCOMPLETE_MAX &&
           part->bytes < core->opts.partition_bytes && core->stats.bytes < core->opts.total_bytes;
}

bool kafka_core_wants(const struct kafka_core *core, int32_t slot)
{
    const struct core_part *part = assigned(core, slot);
    return part != NULL && has_room(core, part) &&
           part->tracker.next - part->tracker.low < KAFKA_WINDOW;
}

/* Makes the offset known; KAFKA_TAKEN if it is new work. */
static enum kafka_taken track(struct kafka_core *core, struct core_part **part, int32_t slot,
                              int64_t offset)
{
    *part = assigned(core, slot);
    if (*part == NULL) {
        return KAFKA_TAKEN_SKIP;
    }
    if (!has_room(core, *part)) {
        return KAFKA_TAKEN_LATER;
    }
    struct kafka_tracker *t = &(*part)->tracker;
    int64_t low = t->low, next = t->next;
    enum kafka_tracked what = kafka_tracker_add(t, offset, &core->stats.holes);
    if (what == KAFKA_TRACK_REWIND) {
        /* The log was cut or made anew below what is committed: begin again from there. */
        kafka_core_assign(core, slot, offset, (struct str){0});
        what = kafka_tracker_add(t, offset, &core->stats.holes);
    }
    if (what == KAFKA_TRACK_FULL) {
        return KAFKA_TAKEN_LATER;
    }
    (*part)->version += t->low != low && low >= 0;
    if (what == KAFKA_TRACK_DONE) {
        core->stats.skipped += offset >= next;
        return KAFKA_TAKEN_SKIP;
    }
    core->stats.replayed += offset < t->restored_end;
    core->stats.taken++;
    return KAFKA_TAKEN;
}

static struct core_record *record_new(struct kafka_core *core, struct core_part *part,
                                      const struct kafka_core_item *item)
{
    struct core_record *r = xcalloc(1, sizeof *r);
    r->offset = item->offset;
    r->timestamp = item->timestamp;
    r->item = item->item;
    r->reasons = item->reasons;
    r->priority = item->priority;
    r->bytes = item->bytes;
    r->cookie = item->cookie;
    if (item->trace != NULL) {
        r->has_trace = true;
        memcpy(r->trace, item->trace, sizeof r->trace);
    }
    list_push(&part->incomplete, &r->by_offset);
    list_init(&r->in_key);
    part->incomplete_count++;
    part->bytes += r->bytes;
    core->stats.bytes += r->bytes;
    return r;
}

/* A person's wish does not wait for a back-off of our own, only for one that the provider set. */
static void hurry(struct core_key *key)
{
    if (!key->asked) {
        key->not_before = 0;
    }
}

enum kafka_taken kafka_core_record(struct kafka_core *core, int32_t slot,
                                   const struct kafka_core_item *item, int64_t now)
{
    struct core_part *part;
    enum kafka_taken taken = track(core, &part, slot, item->offset);
    if (taken != KAFKA_TAKEN) {
        return taken;
    }
    struct core_key *key = kafka_key_find(part, item->key);
    if (key == NULL) {
        key = kafka_key_new(part, item->key);
    }
    key->tenant = item->tenant != 0 ? item->tenant : key->tenant;
    bool first = list_empty(&key->dirty);
    bool covered = core->opts.coalesce && kafka_key_covers(key, item->item, item->reasons);
    if (core->opts.coalesce || first) {
        key->priority = MIN(key->priority, item->priority);
    }
    if (covered) {
        kafka_tracker_complete(&part->tracker, item->offset);
        part->version++;
        core->stats.coalesced++;
    } else {
        list_push(&key->dirty, &record_new(core, part, item)->in_key);
        if (item->priority == KAFKA_INTERACTIVE && core->opts.coalesce) {
            hurry(key);
        }
    }
    if (key->run == NULL) {
        kafka_key_settle(core, key, now);
    }
    return covered ? KAFKA_TAKEN_COVERED : KAFKA_TAKEN;
}

enum kafka_taken kafka_core_hold(struct kafka_core *core, int32_t slot, int64_t offset,
                                 int64_t timestamp)
{
    struct core_part *part;
    enum kafka_taken taken = track(core, &part, slot, offset);
    if (taken == KAFKA_TAKEN) {
        record_new(core, part, &(struct kafka_core_item){.offset = offset, .timestamp = timestamp});
    }
    return taken;
}

void kafka_core_complete(struct kafka_core *core, int32_t slot, uint64_t epoch, int64_t offset)
{
    struct core_part *part = part_of(core, slot);
    if (part == NULL || part->state == CORE_PART_NONE || part->epoch != epoch) {
        return;
    }
    list_foreach_safe (node, &part->incomplete) {
        struct core_record *r = LIST_ENTRY(node, struct core_record, by_offset);
        if (r->offset == offset) {
            kafka_record_complete(core, part, r);
            return;
        }
    }
}

size_t kafka_core_due_room(const struct kafka_core *core, size_t *ret_held)
{
    size_t slots = core->opts.max_in_flight - core->opts.interactive_slots;
    size_t used = core->stats.in_flight + core->stats.ready;
    /* Keys in back-off hold no slot; the second bound keeps a dark provider from filling memory
     * with them. */
    size_t bound = core->opts.max_in_flight * 4;
    *ret_held = core->due_items + core->stats.in_flight;
    size_t room = slots > used ? slots - used : 0;
    return MIN(room, bound > core->due_items ? bound - core->due_items : 0);
}

bool kafka_core_due(struct kafka_core *core, int32_t slot, const struct kafka_core_item *due,
                    int64_t now)
{
    struct core_part *part = assigned(core, slot);
    BUG_ON(due->key.ptr == NULL);
    if (part == NULL) {
        return false;
    }
    size_t held;
    struct core_key *key = kafka_key_find(part, due->key);
    if (key != NULL && key->run != NULL) {
        return false;
    }
    if (key == NULL || !kafka_key_has_work(key)) {
        if (kafka_core_due_room(core, &held) == 0) {
            return false;
        }
        key = key != NULL ? key : kafka_key_new(part, due->key);
    }
    key->tenant = due->tenant != 0 ? due->tenant : key->tenant;
    key->priority = MIN(key->priority, due->priority);
    core->due_items -= key->due.len;
    kafka_items_add(&key->due, due->item, due->reasons);
    core->due_items += key->due.len;
    kafka_key_settle(core, key, now);
    return true;
}

/* ---- runs ---------------------------------------------------------------------------------- */

static struct core_key *next_key(struct kafka_core *core)
{
    const struct kafka_core_opts *o = &core->opts;
    if (core->stats.in_flight >= o->max_in_flight) {
        return NULL;
    }
    struct core_key *key = kafka_queue_pop(core, KAFKA_INTERACTIVE);
    if (key == NULL && core->stats.in_flight < o->max_in_flight - o->interactive_slots) {
        key = kafka_queue_pop(core, KAFKA_WEBHOOK);
        key = key != NULL ? key : kafka_queue_pop(core, KAFKA_POLL);
    }
    return key;
}

struct kafka_core_run *kafka_core_next(struct kafka_core *core, int64_t now)
{
    kafka_core_tick(core, now);
    struct core_key *key = next_key(core);
    if (key == NULL) {
        return NULL;
    }
    struct core_run *run = xcalloc(1, sizeof *run);
    run->key = key;
    list_init(&run->taken);
    list_push(&core->runs, &run->node);
    run->pub = (struct kafka_core_run){
        .partition = key->part->slot,
        .epoch = key->part->epoch,
        .key = key->bytes,
        .priority = KAFKA_POLL,
        .tries = key->tries,
        .park = key->park,
        .retry_after_ms = key->retry_after_ms,
    };
    kafka_key_take(core, key, run);
    key->run = run;
    key->last_start = now;
    key->part->running++;
    core->stats.in_flight++;
    core->stats.runs++;
    return &run->pub;
}

bool kafka_core_is_current(const struct kafka_core *core, const struct kafka_core_run *pub)
{
    const struct core_part *part = part_of(core, pub->partition);
    return part != NULL && part->state != CORE_PART_NONE && part->epoch == pub->epoch;
}

void kafka_core_reads(struct kafka_core *core, struct kafka_core_run *pub)
{
    struct core_run *run = CONTAINER_OF(pub, struct core_run, pub);
    if (run->read || !core->opts.coalesce) {
        return;
    }
    run->read = true;
    if (kafka_core_is_current(core, pub)) {
        kafka_key_take(core, run->key, run);
    }
}

static void acknowledge(struct kafka_core *core, struct core_run *run, enum kafka_verdict verdict)
{
    bool first = true;
    list_foreach_safe (node, &run->taken) {
        core->stats.coalesced += !first;
        first = false;
        kafka_record_complete(core, run->key->part, LIST_ENTRY(node, struct core_record, in_key));
    }
    core->stats.parked += verdict == KAFKA_PARKED;
    kafka_key_succeeded(run->key);
}

void kafka_core_finish(struct kafka_core *core, struct kafka_core_run *pub,
                       enum kafka_verdict verdict, int32_t retry_after_ms, int64_t now)
{
    struct core_run *run = CONTAINER_OF(pub, struct core_run, pub);
    struct core_key *key = run->key;
    core->stats.in_flight--;
    key->run = NULL;
    if (!kafka_core_is_current(core, pub)) {
        core->stats.stale++;
    } else {
        key->part->running--;
        switch (verdict) {
        case KAFKA_DONE:
        case KAFKA_PARKED:
        case KAFKA_DEAD:
            acknowledge(core, run, verdict);
            break;
        case KAFKA_RETRY:
            kafka_key_give_back(core, key, run);
            kafka_key_failed(core, key, MAX(retry_after_ms, 0), now);
            break;
        case KAFKA_AGAIN:
            kafka_key_give_back(core, key, run);
            break;
        }
    }
    core->due_items -= run->due.len;
    run_free(run);
    kafka_key_settle(core, key, now);
}

int64_t kafka_core_next_tick(const struct kafka_core *core)
{
    return core->timed.len > 0 ? core->timed.ptr[0]->wake_at : INT64_MAX;
}

void kafka_core_tick(struct kafka_core *core, int64_t now)
{
    for (struct core_key *key; (key = kafka_queue_pop_timed(core, now)) != NULL;) {
        kafka_key_settle(core, key, now);
    }
}

/* ---- commits and figures -------------------------------------------------------------------- */

bool kafka_core_commit_get(struct kafka_core *core, int32_t slot, int64_t *ret_offset,
                           struct buf *metadata, uint64_t *ret_version)
{
    struct core_part *part = part_of(core, slot);
    if (part == NULL || part->state == CORE_PART_NONE || part->version == part->committed_version) {
        return false;
    }
    const struct kafka_tracker *t = &part->tracker;
    buf_reset(metadata);
    int64_t end = kafka_tracker_end(t);
    int64_t *open CLEANUP(xfree_ptr) = xmalloc(KAFKA_INCOMPLETE_MAX * sizeof *open);
    size_t count = kafka_tracker_incomplete(t, end, open, KAFKA_INCOMPLETE_MAX);
    /* What the metadata of the assignment called done and was not delivered again yet lies above
     * t->low and may follow it without a gap. */
    *ret_offset = count > 0 ? open[0] : end;
    *ret_version = part->version;
    if (count > 0) {
        kafka_metadata_encode(open[0], end, open, count, metadata);
        BUG_ON(metadata->failed);
    }
    return true;
}

void kafka_core_commit_done(struct kafka_core *core, int32_t slot, uint64_t epoch, uint64_t version)
{
    struct core_part *part = part_of(core, slot);
    if (part != NULL && part->epoch == epoch) {
        part->committed_version = MAX(part->committed_version, version);
    }
}

bool kafka_core_partition_stats(const struct kafka_core *core, int32_t slot,
                                struct kafka_core_partition_stats *ret_stats)
{
    const struct core_part *part = part_of(core, slot);
    if (part == NULL || part->state == CORE_PART_NONE) {
        return false;
    }
    const struct kafka_tracker *t = &part->tracker;
    *ret_stats = (struct kafka_core_partition_stats){
        .low = t->low,
        .next = t->next,
        .incomplete = part->incomplete_count,
        .done_above = (size_t)(t->next - t->low) - part->incomplete_count,
        .keys = part->key_count,
        .running = part->running,
        .bytes = part->bytes,
    };
    if (!list_empty(&part->incomplete)) {
        ret_stats->oldest_at =
            LIST_ENTRY(part->incomplete.next, struct core_record, by_offset)->timestamp;
    }
    return true;
}

void kafka_core_stats(const struct kafka_core *core, struct kafka_core_stats *ret_stats)
{
    *ret_stats = core->stats;
    ret_stats->waiting = core->timed.len;
}
