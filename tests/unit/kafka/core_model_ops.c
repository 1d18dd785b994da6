#include "core_model.h"

#include <stdio.h>

static struct kafka_core_item item_of(int64_t offset, struct entry *e)
{
    return (struct kafka_core_item){
        .offset = offset,
        .timestamp = offset + 1,
        .key = e->key < 0 ? (struct str){0} : str_c(key_names[e->key]),
        .item = e->item,
        .reasons = e->reasons,
        .priority = e->priority,
        .tenant = (uint64_t)(e->key % 2),
        .bytes = 10,
    };
}

void op_commit(struct world *w, int m, int part, bool acknowledged)
{
    struct member *member = &w->member[m];
    struct part_log *p = &w->part[part];
    struct buf metadata CLEANUP(buf_fini);
    buf_init(&metadata, KAFKA_METADATA_MAX);
    int64_t low;
    uint64_t version;
    if (!kafka_core_commit_get(member->core, part, &low, &metadata, &version)) {
        return;
    }
    if (member->part[part].fenced) {
        return; /* the broker refuses a member of an old generation */
    }
    say(w, "member %d commits partition %d: %lld \"%s\"%s", m, part, (long long)low,
        buf_c(&metadata), acknowledged ? "" : ", the answer is lost");
    model_check_commit(w, part, low, buf_str(&metadata));
    p->committed = low;
    snprintf(p->metadata, sizeof p->metadata, "%s", buf_c(&metadata));
    if (acknowledged) {
        kafka_core_commit_done(member->core, part, kafka_core_epoch(member->core, part), version);
    }
}

static int key_index(struct str key)
{
    for (int k = 0; k < KEYS_MAX; k++) {
        if (key.ptr != NULL && str_eq_c(key, key_names[k])) {
            return k;
        }
    }
    return -1;
}

void op_start(struct world *w, int m)
{
    struct member *member = &w->member[m];
    for (;;) {
        struct out_run *out = NULL;
        for (int i = 0; i < RUNS_MAX && out == NULL; i++) {
            out = member->runs[i].run == NULL ? &member->runs[i] : NULL;
        }
        struct kafka_core_run *run = out != NULL ? kafka_core_next(member->core, w->now) : NULL;
        if (run == NULL) {
            break;
        }
        w->event++;
        *out = (struct out_run){
            .run = run,
            .part = run->partition,
            .key = key_index(run->key),
            .offset = run->oldest_at - 1,
            .read_event = w->event,
            .current = true,
        };
        say(w, "member %d starts a run of partition %d key %d (%zu records)", m, out->part,
            out->key, run->record_count);
        model_check_start(w, member, out);
    }
    struct kafka_core_stats stats;
    kafka_core_stats(member->core, &stats);
    CHECK(w,
          stats.ready == 0 || stats.in_flight >= w->opts.max_in_flight - w->opts.interactive_slots,
          "a key waits though there is a slot");
}

void op_reads(struct world *w, int m, int i)
{
    struct out_run *out = &w->member[m].runs[i];
    if (out->run != NULL && w->coalesce && out->run->user == NULL) {
        out->run->user = out;
        kafka_core_reads(w->member[m].core, out->run);
        out->read_event = ++w->event;
        say(w, "member %d run of key %d reads", m, out->key);
    }
}

void op_finish(struct world *w, int m, int i)
{
    struct member *member = &w->member[m];
    struct out_run *out = &member->runs[i];
    if (out->run == NULL) {
        return;
    }
    struct kafka_core_run *run = out->run;
    int dice = w->quiet ? 0 : pick(w, 100);
    enum kafka_verdict verdict = run->park && dice < 95 ? KAFKA_PARKED
                                 : dice < 65            ? KAFKA_DONE
                                 : dice < 85            ? KAFKA_RETRY
                                 : dice < 95            ? KAFKA_AGAIN
                                                        : KAFKA_DEAD;
    int32_t retry_after = verdict == KAFKA_RETRY && chance(w, 20) ? pick(w, 70000) : 0;
    CHECK(w, kafka_core_is_current(member->core, run) == out->current, "a run's epoch is wrong");
    bool good = verdict != KAFKA_RETRY && verdict != KAFKA_AGAIN;
    if (good && out->current) {
        model_acknowledge(w, member, out, run);
    }
    struct kafka_core_partition_stats before = {0}, after = {0};
    kafka_core_partition_stats(member->core, out->part, &before);
    w->event++;
    say(w, "member %d run of partition %d key %d ends, verdict %d%s", m, out->part, out->key,
        (int)verdict, out->current ? "" : ", stale");
    kafka_core_finish(member->core, run, verdict, retry_after, w->now);
    kafka_core_partition_stats(member->core, out->part, &after);
    CHECK(w, out->current || (before.incomplete == after.incomplete && before.low == after.low),
          "a stale run completed something");
    out->run = NULL;
}

/* ---- delivery
 * ------------------------------------------------------------------------------------ */

static void take_poison(struct world *w, int m, int part, int64_t offset)
{
    struct member *member = &w->member[m];
    if (kafka_core_hold(member->core, part, offset, offset + 1) != KAFKA_TAKEN) {
        fail_with(w, "a record that nobody did was skipped");
        return;
    }
    for (int i = 0; i < HELD_MAX; i++) {
        if (!member->part[part].held[i].used) {
            member->part[part].held[i].used = true;
            member->part[part].held[i].epoch = kafka_core_epoch(member->core, part);
            member->part[part].held[i].offset = offset;
            return;
        }
    }
    fail_with(w, "the model's table of held records is full");
}

void op_deliver(struct world *w, int m, int part)
{
    struct member *member = &w->member[m];
    struct part_log *p = &w->part[part];
    int64_t o = member->part[part].position;
    while (o < p->end && p->entries[o].gap) {
        o++;
    }
    if (!member->part[part].assigned || o >= p->end || !kafka_core_wants(member->core, part)) {
        return;
    }
    member->part[part].position = o + 1;
    struct entry *e = &p->entries[o];
    w->event++;
    bool done = member->part[part].known_done[o];
    if (e->poison && !done) {
        take_poison(w, m, part, o);
        return;
    }
    struct kafka_core_item item = item_of(o, e);
    enum kafka_taken taken = kafka_core_record(member->core, part, &item, w->now);
    say(w, "member %d takes partition %d offset %lld key %d item %llu reasons %u: %d", m, part,
        (long long)o, e->key, (unsigned long long)e->item, e->reasons, (int)taken);
    CHECK(w, taken != KAFKA_TAKEN_LATER, "no room after all");
    CHECK(w, (taken == KAFKA_TAKEN_SKIP) == done, "offset %lld: %s", (long long)o,
          done ? "REPLAYED though committed as done" : "skipped though nobody did it");
    CHECK(w, w->coalesce || taken != KAFKA_TAKEN_COVERED, "a command was coalesced");
    if (!done) {
        member->part[part].handed[o] = w->event;
    }
    model_check_storm(w, member, part);
}

void op_append(struct world *w, int part)
{
    struct part_log *p = &w->part[part];
    if (p->end == LOG_MAX) {
        return;
    }
    struct entry *e = &p->entries[p->end++];
    *e = (struct entry){
        .gap = chance(w, 3),
        .poison = chance(w, 2),
        .key = chance(w, w->storm) ? 0 : pick(w, w->keys),
        .item = (uint64_t)pick(w, w->items),
        .reasons = 1 + (uint32_t)pick(w, (1 << w->reasons) - 1),
        .priority = chance(w, 10)   ? KAFKA_INTERACTIVE
                    : chance(w, 10) ? KAFKA_POLL
                                    : KAFKA_WEBHOOK,
    };
    if (chance(w, 3)) {
        e->key = -1;
    }
}

void op_release_held(struct world *w, int m, int part)
{
    struct member *member = &w->member[m];
    for (int i = 0; i < HELD_MAX; i++) {
        if (member->part[part].held[i].used && (w->quiet || chance(w, 50))) {
            int64_t offset = member->part[part].held[i].offset;
            uint64_t epoch = member->part[part].held[i].epoch;
            w->part[part].entries[offset].acked |=
                epoch == kafka_core_epoch(member->core, part) && !member->part[part].fenced;
            kafka_core_complete(member->core, part, epoch, offset);
            member->part[part].held[i].used = false;
        }
    }
}

void op_due(struct world *w, int m, int part)
{
    struct member *member = &w->member[m];
    if (!w->coalesce) {
        return;
    }
    int key = pick(w, w->keys);
    struct kafka_core_item due = {
        .key = str_c(key_names[key]),
        .item = (uint64_t)pick(w, w->items),
        .reasons = 1,
        .priority = KAFKA_POLL,
    };
    bool running = false;
    for (int i = 0; i < RUNS_MAX; i++) {
        const struct out_run *r = &member->runs[i];
        running |= r->run != NULL && r->part == part && r->key == key;
    }
    bool taken = kafka_core_due(member->core, part, &due, w->now);
    CHECK(w, !taken || (!running && member->part[part].assigned && !member->draining),
          "due work was taken for a key that runs or is not ours");
}

/* ---- rebalances
 * ---------------------------------------------------------------------------------- */

static void drop(struct world *w, int m, int part)
{
    struct member *member = &w->member[m];
    kafka_core_unassign(member->core, part);
    member->part[part].assigned = false;
    for (int i = 0; i < RUNS_MAX; i++) {
        if (member->runs[i].run != NULL && member->runs[i].part == part) {
            member->runs[i].current = false;
        }
    }
    if (!member->part[part].fenced && w->part[part].owner == m) {
        w->part[part].owner = -1;
    }
    member->part[part].fenced = false;
}

void op_assign(struct world *w, int m, int part)
{
    struct member *member = &w->member[m];
    struct part_log *p = &w->part[part];
    if (p->owner >= 0 || member->draining || member->part[part].assigned) {
        return;
    }
    w->event++;
    struct str metadata = str_c(p->metadata);
    bool corrupt = !w->quiet && metadata.len > 0 && chance(w, 5);
    if (corrupt) {
        metadata = STR("AAAA");
    }
    say(w, "member %d is assigned partition %d at %lld%s", m, part, (long long)p->committed,
        corrupt ? " (its metadata is damaged)" : "");
    bool good = kafka_core_assign(member->core, part, p->committed, metadata);
    CHECK(w, good == !corrupt, "metadata was %s", good ? "believed" : "refused");
    memset(&member->part[part], 0, sizeof member->part[part]);
    member->part[part].assigned = true;
    member->part[part].position = MAX(p->committed, (int64_t)0);
    model_done_set(p->committed, metadata, member->part[part].known_done);
    p->owner = m;
}

void op_revoke(struct world *w, int m)
{
    w->event++;
    say(w, "member %d is revoked", m);
    w->member[m].draining = true;
    for (int part = 0; part < PARTS; part++) {
        kafka_core_revoke(w->member[m].core, part);
    }
}

void op_end_revoke(struct world *w, int m)
{
    struct member *member = &w->member[m];
    bool drained = true;
    for (int part = 0; part < PARTS; part++) {
        drained &= kafka_core_drained(member->core, part);
    }
    if (!member->draining || (!drained && !w->quiet && chance(w, 80))) {
        return;
    }
    w->event++;
    say(w, "member %d ends its revoke%s", m, drained ? "" : " with runs still out");
    bool commits = w->quiet || chance(w, 80);
    for (int part = 0; part < PARTS; part++) {
        if (commits && member->part[part].assigned) {
            op_commit(w, m, part, true);
        }
        drop(w, m, part);
    }
    member->draining = false;
}

void op_lost(struct world *w, int m)
{
    w->event++;
    say(w, "member %d lost its partitions", m);
    for (int part = 0; part < PARTS; part++) {
        drop(w, m, part);
    }
    w->member[m].draining = false;
}

/* The member stands still past its session: the group goes on without it. */
void op_fence(struct world *w, int m)
{
    w->event++;
    say(w, "member %d is a zombie", m);
    for (int part = 0; part < PARTS; part++) {
        if (w->member[m].part[part].assigned && w->part[part].owner == m) {
            w->member[m].part[part].fenced = true;
            w->part[part].owner = -1;
        }
    }
}

void member_end(struct member *member)
{
    for (int part = 0; part < PARTS; part++) {
        kafka_core_unassign(member->core, part);
    }
    member->core = kafka_core_free(member->core);
}

void op_crash(struct world *w, int m)
{
    w->event++;
    say(w, "member %d is killed", m);
    for (int part = 0; part < PARTS; part++) {
        drop(w, m, part);
    }
    member_end(&w->member[m]);
    memset(&w->member[m], 0, sizeof w->member[m]);
    w->opts.seed = rnd(w);
    w->member[m].core = kafka_core_new(&w->opts);
}
