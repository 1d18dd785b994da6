#include "core_model.h"

static bool covers(uint64_t item, uint32_t reasons, const struct entry *e)
{
    return (item == 0 || item == e->item) && (reasons & e->reasons) == e->reasons;
}

void model_done_set(int64_t low, struct str metadata, bool ret_done[LOG_MAX])
{
    static int64_t open[KAFKA_INCOMPLETE_MAX];
    for (int64_t o = 0; o < LOG_MAX; o++) {
        ret_done[o] = o < low;
    }
    int64_t end;
    size_t count;
    if (low >= 0 && metadata.len > 0 &&
        kafka_metadata_decode(metadata, low, &end, open, &count, NULL) == ERR_OK) {
        for (int64_t o = low; o < MIN(end, (int64_t)LOG_MAX); o++) {
            ret_done[o] = true;
        }
        for (size_t i = 0; i < count; i++) {
            ret_done[open[i]] = false;
        }
    }
}

static bool stands_behind_an_earlier_one(const struct part_log *p, int64_t offset,
                                         const bool done[LOG_MAX])
{
    const struct entry *e = &p->entries[offset];
    for (int64_t o = 0; o < offset && e->key >= 0; o++) {
        const struct entry *before = &p->entries[o];
        if (!done[o] && !before->gap && before->key == e->key && !before->poison &&
            covers(before->item, before->reasons, e)) {
            return true;
        }
    }
    return false;
}

void model_check_commit(struct world *w, int part, int64_t low, struct str metadata)
{
    struct part_log *p = &w->part[part];
    bool done[LOG_MAX];
    model_done_set(low, metadata, done);
    CHECK(w, low <= p->end, "commit beyond the end of the log");
    for (int64_t o = p->verified; o < p->end; o++) {
        const struct entry *e = &p->entries[o];
        bool fine = !done[o] || e->gap || e->acked ||
                    (w->coalesce && !e->poison && stands_behind_an_earlier_one(p, o, done));
        CHECK(w, fine, "LOST: commit of partition %d calls offset %lld done, no run covered it",
              part, (long long)o);
    }
    while (p->verified < low) {
        p->verified++;
    }
}

void model_acknowledge(struct world *w, struct member *member, const struct out_run *out,
                       const struct kafka_core_run *run)
{
    struct part_log *p = &w->part[out->part];
    if (!w->coalesce) {
        member->part[out->part].ran[out->offset] = true;
    }
    if (member->part[out->part].fenced) {
        return; /* its commits are refused, so this must not excuse those of the new owner */
    }
    if (!w->coalesce) {
        p->entries[out->offset].acked = true;
        return;
    }
    for (int64_t o = 0; o < p->end; o++) {
        struct entry *e = &p->entries[o];
        uint64_t handed = member->part[out->part].handed[o];
        bool before =
            member->part[out->part].known_done[o] || (handed > 0 && handed < out->read_event);
        if (e->gap || e->poison || !before || e->key != out->key) {
            continue;
        }
        if (out->key < 0 && o != run->oldest_at - 1) {
            continue;
        }
        for (size_t i = 0; i < run->item_count; i++) {
            e->acked |= covers(run->items[i].item, run->items[i].reasons, e);
        }
    }
}

void model_check_start(struct world *w, struct member *member, const struct out_run *out)
{
    int others = 0;
    for (int i = 0; i < RUNS_MAX; i++) {
        const struct out_run *r = &member->runs[i];
        others += r->run != NULL && r != out;
        CHECK(w,
              r->run == NULL || r == out || r->part != out->part || r->key != out->key ||
                  out->key < 0,
              "two runs of key %d at a time", out->key);
    }
    size_t bound = w->opts.max_in_flight;
    if (out->run->priority != KAFKA_INTERACTIVE) {
        bound -= w->opts.interactive_slots;
    }
    CHECK(w, (size_t)others < bound, "a run beyond the slots of its priority");
    CHECK(w, member->part[out->part].assigned && !member->draining,
          "a run of a partition that is not ours");
    CHECK(w, out->run->item_count > 0, "a run about nothing");
    if (w->coalesce) {
        return;
    }
    for (int64_t o = 0; o < out->offset && out->key >= 0; o++) {
        const struct entry *e = &w->part[out->part].entries[o];
        CHECK(w,
              e->gap || e->poison || e->key != out->key || member->part[out->part].known_done[o] ||
                  member->part[out->part].ran[o],
              "ORDER: offset %lld ran before offset %lld of its key", (long long)out->offset,
              (long long)o);
    }
}

void model_check_storm(struct world *w, struct member *member, int part)
{
    const struct part_log *p = &w->part[part];
    struct kafka_core_partition_stats stats;
    kafka_core_partition_stats(member->core, part, &stats);
    size_t distinct = (size_t)w->items * (size_t)((1 << w->reasons) - 1);
    size_t keyless = 0, poison = 0;
    for (int64_t i = 0; i < p->end; i++) {
        keyless += p->entries[i].key < 0;
        poison += p->entries[i].poison;
    }
    CHECK(w, !w->coalesce || stats.incomplete <= (size_t)w->keys * 3 * distinct + keyless + poison,
          "a storm fills the window: %zu incomplete", stats.incomplete);
}

bool model_all_committed(const struct world *w)
{
    for (int i = 0; i < PARTS; i++) {
        int64_t last = w->part[i].end; /* gaps at the end are never seen */
        while (last > 0 && w->part[i].entries[last - 1].gap) {
            last--;
        }
        if (MAX(w->part[i].committed, (int64_t)0) < last) {
            return false;
        }
    }
    return true;
}

void model_check_end(struct world *w)
{
    CHECK(w, model_all_committed(w), "STUCK: faults are over and not everything gets committed");
    for (int part = 0; part < PARTS; part++) {
        for (int64_t o = 0; o < w->part[part].end; o++) {
            const struct entry *e = &w->part[part].entries[o];
            CHECK(w, e->gap || e->acked, "LOST: partition %d offset %lld was never covered", part,
                  (long long)o);
        }
    }
    for (int m = 0; m < MEMBERS; m++) {
        struct kafka_core_stats stats;
        kafka_core_tick(w->member[m].core, w->now + 100000);
        kafka_core_stats(w->member[m].core, &stats);
        size_t held;
        kafka_core_due_room(w->member[m].core, &held);
        CHECK(w, stats.in_flight == 0 && stats.bytes == 0 && stats.waiting == 0 && held == 0,
              "LEAK: in flight %zu, bytes %zu, waiting %zu, due %zu", stats.in_flight, stats.bytes,
              stats.waiting, held);
        for (int part = 0; part < PARTS; part++) {
            struct kafka_core_partition_stats ps;
            CHECK(w, !kafka_core_partition_stats(w->member[m].core, part, &ps) || ps.keys == 0,
                  "LEAK: keys are kept after all work is done");
        }
    }
}
