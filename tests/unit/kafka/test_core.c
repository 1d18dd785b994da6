/* The engine core's rules one by one, and its bounds at full size. */
#include "kafka/engine_core.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static struct kafka_core *new_core(bool coalesce)
{
    struct kafka_core *core = kafka_core_new(&(struct kafka_core_opts){
        .coalesce = coalesce, .max_in_flight = 4, .interactive_slots = 1, .seed = 7});
    kafka_core_assign(core, 0, 0, (struct str){0});
    return core;
}

static void free_core(struct kafka_core *core)
{
    kafka_core_unassign(core, 0);
    while (kafka_core_dropped(core) != NULL) {
    }
    kafka_core_free(core);
}

static struct kafka_core_item webhook(int64_t offset, const char *key, uint64_t item)
{
    return (struct kafka_core_item){.offset = offset,
                                    .timestamp = offset + 1,
                                    .key = str_c(key),
                                    .item = item,
                                    .reasons = 1,
                                    .priority = KAFKA_WEBHOOK};
}

static enum kafka_taken give(struct kafka_core *core, struct kafka_core_item item, int64_t now)
{
    return kafka_core_record(core, 0, &item, now);
}

static struct kafka_core_partition_stats stats_of(struct kafka_core *core)
{
    struct kafka_core_partition_stats s;
    assert_true(kafka_core_partition_stats(core, 0, &s));
    return s;
}

static void test_storm_of_one_calendar_costs_few_runs_and_leaves_others_alone(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    int64_t now = 0, offset = 0, quiet_wait = 0;
    int hot_runs = 0, quiet_runs = 0;
    struct kafka_core_run *hot = NULL;
    int64_t hot_ends = 0, quiet_given = 0, last_hot_read = 0, last_hot_given = 0;
    /* 20,000 notifications within 2 s, the other key once in 100 ms; a hot run takes 100 ms. */
    for (; now < 6000; now++) {
        for (int i = 0; i < 10 && now < 2000; i++) {
            assert_true(kafka_core_wants(core, 0));
            uint64_t calendar = 1 + (uint64_t)offset % 30;
            assert_int_not_equal(give(core, webhook(offset++, "hot", calendar), now),
                                 KAFKA_TAKEN_LATER);
            last_hot_given = now;
        }
        if (now % 100 == 50 && now < 2000) {
            char key[16];
            snprintf(key, sizeof key, "quiet-%d", (int)now);
            assert_int_equal(give(core, webhook(offset++, key, 0), now), KAFKA_TAKEN);
            quiet_given = now;
        }
        if (hot != NULL && now >= hot_ends) {
            kafka_core_finish(core, hot, KAFKA_DONE, 0, now);
            hot = NULL;
        }
        for (struct kafka_core_run *run; (run = kafka_core_next(core, now)) != NULL;) {
            kafka_core_reads(core, run);
            if (str_eq_c(run->key, "hot")) {
                assert_null(hot);
                hot = run;
                hot_ends = now + 100;
                last_hot_read = now;
                hot_runs++;
            } else {
                quiet_wait = MAX(quiet_wait, now - quiet_given);
                quiet_runs++;
                kafka_core_finish(core, run, KAFKA_DONE, 0, now);
            }
        }
        assert_true(stats_of(core).incomplete <= 2 * 30 + 1);
    }
    assert_true(hot_runs <= 4);
    assert_true(last_hot_read > last_hot_given);
    assert_int_equal(quiet_runs, 20);
    assert_int_equal(quiet_wait, 0);
    assert_int_equal(stats_of(core).low, offset);
    free_core(core);
}

static void test_record_during_a_run_waits_for_the_next_one(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    give(core, webhook(0, "a", 1), 0);
    struct kafka_core_run *run = kafka_core_next(core, 0);
    assert_int_equal(run->item_count, 1);
    give(core, webhook(1, "a", 2), 1);
    kafka_core_reads(core, run); /* its items grow until here */
    assert_int_equal(run->item_count, 2);
    assert_int_equal(run->record_count, 2);
    assert_int_equal(give(core, webhook(2, "a", 2), 2), KAFKA_TAKEN);
    assert_int_equal(give(core, webhook(3, "a", 2), 3), KAFKA_TAKEN_COVERED);
    kafka_core_finish(core, run, KAFKA_DONE, 0, 4);
    assert_int_equal(stats_of(core).low, 2);
    assert_null(kafka_core_next(core, 999)); /* the minimum interval */
    run = kafka_core_next(core, 1000);
    assert_non_null(run);
    assert_int_equal(run->items[0].item, 2);
    kafka_core_finish(core, run, KAFKA_DONE, 0, 1001);
    assert_int_equal(stats_of(core).low, 4);
    free_core(core);
}

static void test_person_does_not_wait_for_the_interval_nor_for_our_own_back_off(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    struct kafka_core_item now_please = webhook(1, "a", 0);
    now_please.priority = KAFKA_INTERACTIVE;
    now_please.reasons = 2;
    give(core, webhook(0, "a", 0), 0);
    struct kafka_core_run *run = kafka_core_next(core, 0);
    kafka_core_finish(core, run, KAFKA_RETRY, 0, 10);
    assert_null(kafka_core_next(core, 11));
    give(core, now_please, 12);
    run = kafka_core_next(core, 12);
    assert_non_null(run);
    assert_int_equal(run->priority, KAFKA_INTERACTIVE);
    kafka_core_finish(core, run, KAFKA_RETRY, 30000, 20); /* but what the provider asks is kept */
    now_please.offset = 2;
    now_please.reasons = 4;
    give(core, now_please, 21);
    assert_null(kafka_core_next(core, 29000));
    assert_non_null(run = kafka_core_next(core, 30020));
    kafka_core_finish(core, run, KAFKA_DONE, 0, 30021);
    assert_int_equal(stats_of(core).low, 3);
    free_core(core);
}

static void test_retries_are_bounded_and_end_in_parking(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    int64_t now = 0;
    give(core, webhook(0, "a", 0), now);
    int tries = 0;
    for (struct kafka_core_run *run;;) {
        while ((run = kafka_core_next(core, now)) == NULL) {
            int64_t tick = kafka_core_next_tick(core);
            assert_true(tick > now && tick - now <= 60000);
            assert_true(tries == 0 || tick - now >= 499);
            now = tick;
        }
        if (run->park) {
            kafka_core_finish(core, run, KAFKA_PARKED, 0, now);
            break;
        }
        assert_int_equal(run->tries, tries++);
        kafka_core_finish(core, run, KAFKA_RETRY, 0, now += 1);
    }
    assert_int_equal(tries, 5);
    assert_int_equal(stats_of(core).low, 1);
    struct kafka_core_stats stats;
    kafka_core_stats(core, &stats);
    assert_int_equal(stats.parked, 1);
    free_core(core);
}

static void test_long_retry_after_parks_at_once(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    give(core, webhook(0, "a", 0), 0);
    kafka_core_finish(core, kafka_core_next(core, 0), KAFKA_RETRY, 3600000, 1);
    struct kafka_core_run *run = kafka_core_next(core, 1);
    assert_non_null(run);
    assert_true(run->park);
    assert_int_equal(run->retry_after_ms, 3600000);
    kafka_core_finish(core, run, KAFKA_RETRY, 0, 2); /* the database is away: nothing is lost */
    assert_int_equal(stats_of(core).low, 0);
    assert_null(kafka_core_next(core, 3));
    run = kafka_core_next(core, 200000);
    assert_true(run->park);
    kafka_core_finish(core, run, KAFKA_PARKED, 0, 200001);
    assert_int_equal(stats_of(core).low, 1);
    free_core(core);
}

static void test_keys_in_back_off_wake_in_the_order_of_their_times(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    int64_t wake_at[200];
    char key[16];
    uint32_t random = 1;
    for (int i = 0; i < 200; i++) {
        snprintf(key, sizeof key, "%d", i);
        give(core, webhook(i, key, 0), 0);
        struct kafka_core_run *run = kafka_core_next(core, 0);
        random = random * 1664525 + 1013904223;
        wake_at[i] = 2000 + random % 50000; /* longer than a first back-off of our own */
        kafka_core_finish(core, run, KAFKA_RETRY, (int32_t)wake_at[i], 0);
    }
    for (int left = 200; left > 0;) {
        int64_t now = kafka_core_next_tick(core), earliest = INT64_MAX;
        for (int i = 0; i < 200; i++) {
            earliest = MIN(earliest, wake_at[i]);
        }
        assert_int_equal(now, earliest);
        for (struct kafka_core_run *run; (run = kafka_core_next(core, now)) != NULL; left--) {
            int i = atoi(run->key.ptr);
            assert_int_equal(wake_at[i], now);
            wake_at[i] = INT64_MAX;
            /* As if it had begun long ago, so that its key is forgotten at once. */
            kafka_core_finish(core, run, KAFKA_DONE, 0, now + 1000);
        }
    }
    free_core(core);
}

static void test_run_carries_the_trace_of_a_record(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    uint8_t trace[KAFKA_TRACE_LEN] = {1, 2, 3};
    struct kafka_core_item item = webhook(0, "a", 1);
    give(core, item, 0);
    item.offset = 1;
    item.item = 2;
    item.trace = trace;
    give(core, item, 0);
    struct kafka_core_run *run = kafka_core_next(core, 0);
    assert_memory_equal(run->trace, trace, sizeof trace);
    kafka_core_finish(core, run, KAFKA_DONE, 0, 0);
    free_core(core);
}

static void
test_commands_of_a_key_run_one_after_another_and_stay_behind_a_retry(void **state UNUSED)
{
    struct kafka_core *core = new_core(false);
    char cookies[4];
    for (int i = 0; i < 4; i++) {
        struct kafka_core_item c = webhook(i, i == 2 ? "b" : "a", 0);
        c.cookie = &cookies[i];
        c.bytes = 100;
        assert_int_equal(give(core, c, 0), KAFKA_TAKEN);
    }
    struct kafka_core_run *first = kafka_core_next(core, 0);
    struct kafka_core_run *other = kafka_core_next(core, 0);
    assert_null(kafka_core_next(core, 0));
    assert_ptr_equal(first->cookie, &cookies[0]);
    assert_ptr_equal(other->cookie, &cookies[2]);
    kafka_core_finish(core, other, KAFKA_DONE, 0, 1);
    kafka_core_finish(core, first, KAFKA_RETRY, 0, 1);
    assert_null(kafka_core_next(core, 2));
    first = kafka_core_next(core, 70000);
    assert_ptr_equal(first->cookie, &cookies[0]);
    kafka_core_finish(core, first, KAFKA_DONE, 0, 70000);
    first = kafka_core_next(core, 70000);
    assert_ptr_equal(first->cookie, &cookies[1]);
    kafka_core_unassign(core, 0); /* one is out, the last waits */
    assert_ptr_equal(kafka_core_dropped(core), &cookies[3]);
    assert_null(kafka_core_dropped(core));
    kafka_core_finish(core, first, KAFKA_DONE, 0, 70001);
    free_core(core);
}

static void test_priorities_and_tenants_share_the_slots(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    char key[16];
    for (int i = 0; i < 40; i++) { /* tenant 1 has come with much, then tenant 2 with little */
        snprintf(key, sizeof key, "t%d-%d", i < 36 ? 1 : 2, i);
        struct kafka_core_item item = webhook(i, key, 0);
        item.tenant = i < 36 ? 1 : 2;
        give(core, item, 0);
    }
    struct kafka_core_item person = webhook(40, "person", 0);
    person.priority = KAFKA_INTERACTIVE;
    struct kafka_core_run *runs[4];
    for (int i = 0; i < 3; i++) {
        runs[i] = kafka_core_next(core, 0);
    }
    assert_null(kafka_core_next(core, 0)); /* the fourth slot is a person's */
    give(core, person, 0);
    runs[3] = kafka_core_next(core, 0);
    assert_string_equal(runs[3]->key.ptr, "person");
    assert_string_equal(runs[0]->key.ptr, "t1-0");
    assert_string_equal(runs[1]->key.ptr, "t2-36");
    assert_string_equal(runs[2]->key.ptr, "t1-1");
    for (int i = 0; i < 4; i++) {
        kafka_core_finish(core, runs[i], KAFKA_DONE, 0, 0);
    }
    free_core(core);
}

static void test_due_work_takes_free_slots_only_and_goes_last(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    struct kafka_core_item due = webhook(0, "due-1", 5);
    due.priority = KAFKA_POLL;
    size_t held;
    assert_int_equal(kafka_core_due_room(core, &held), 3);
    assert_true(kafka_core_due(core, 0, &due, 0));
    assert_true(kafka_core_due(core, 0, &due, 0)); /* the same row, seen again */
    assert_int_equal(kafka_core_due_room(core, &held), 2);
    assert_int_equal(held, 1);
    give(core, webhook(0, "a", 1), 0);
    struct kafka_core_run *a = kafka_core_next(core, 0);
    assert_string_equal(a->key.ptr, "a");
    due.key = str_c("a");
    assert_false(kafka_core_due(core, 0, &due, 0)); /* it runs: the row stays due */
    struct kafka_core_run *poll = kafka_core_next(core, 0);
    assert_string_equal(poll->key.ptr, "due-1");
    assert_int_equal(poll->record_count, 0);
    assert_int_equal(give(core, webhook(1, "due-1", 5), 1), KAFKA_TAKEN);
    kafka_core_reads(core, poll); /* a poll acknowledges a webhook that came before it read */
    kafka_core_finish(core, poll, KAFKA_DONE, 0, 2);
    kafka_core_finish(core, a, KAFKA_DONE, 0, 2);
    assert_int_equal(stats_of(core).low, 2);
    assert_int_equal(kafka_core_due_room(core, &held), 3);
    assert_int_equal(held, 0);
    free_core(core);
}

static void test_due_work_is_refused_when_the_slots_are_taken(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    char key[16];
    size_t held;
    int taken = 0;
    for (int i = 0; i < 10; i++) {
        snprintf(key, sizeof key, "due-%d", i);
        struct kafka_core_item due = webhook(0, key, 1);
        due.priority = KAFKA_POLL;
        taken += kafka_core_due(core, 0, &due, 0);
    }
    assert_int_equal(taken, 3); /* of four slots one is kept for people */
    /* A provider that is dark for all: what waits to be tried again is bounded as well. */
    for (int round = 0; round < 20; round++) {
        for (struct kafka_core_run *run; (run = kafka_core_next(core, 0)) != NULL;) {
            kafka_core_finish(core, run, KAFKA_RETRY, 30000, 0);
        }
        snprintf(key, sizeof key, "more-%d", round);
        struct kafka_core_item due = webhook(0, key, 1);
        due.priority = KAFKA_POLL;
        kafka_core_due(core, 0, &due, 0);
    }
    assert_int_equal(kafka_core_due_room(core, &held), 0);
    assert_int_equal(held, 16);
    free_core(core);
}

static void test_many_items_become_all_of_the_key(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    for (int i = 0; i < KAFKA_ITEMS_MAX + 1; i++) {
        give(core, webhook(i, "a", (uint64_t)i + 1), 0);
    }
    struct kafka_core_run *run = kafka_core_next(core, 0);
    assert_int_equal(run->item_count, 1);
    assert_int_equal(run->items[0].item, 0);
    kafka_core_finish(core, run, KAFKA_DONE, 0, 0);
    assert_int_equal(stats_of(core).low, KAFKA_ITEMS_MAX + 1);
    free_core(core);
}

/* ---- bounds ------------------------------------------------------------------------------------
 */

static void test_incomplete_and_bytes_and_window_stop_the_polling(void **state UNUSED)
{
    struct kafka_core *core = new_core(false);
    int64_t offset = 0;
    for (; kafka_core_wants(core, 0); offset++) {
        assert_int_equal(give(core, webhook(offset, "a", 0), 0), KAFKA_TAKEN);
    }
    assert_int_equal(offset, KAFKA_INCOMPLETE_MAX);
    assert_int_equal(give(core, webhook(offset, "a", 0), 0), KAFKA_TAKEN_LATER);
    kafka_core_finish(core, kafka_core_next(core, 0), KAFKA_DONE, 0, 0);
    assert_true(kafka_core_wants(core, 0));
    free_core(core);

    core = new_core(false);
    struct kafka_core_item big = webhook(0, "a", 0);
    big.bytes = (size_t)3 << 20;
    for (; kafka_core_wants(core, 0); big.offset++) {
        give(core, big, 0);
    }
    assert_int_equal(big.offset, 3); /* 8 MiB and the record that passed it */
    free_core(core);

    core = new_core(true);
    give(core, webhook(0, "stuck", 0), 0);
    struct kafka_core_run *stuck = kafka_core_next(core, 0);
    for (offset = 1; kafka_core_wants(core, 0); offset++) {
        give(core, webhook(offset, "b", 0), offset);
        struct kafka_core_run *run = kafka_core_next(core, offset);
        if (run != NULL) {
            kafka_core_finish(core, run, KAFKA_DONE, 0, offset);
        }
    }
    assert_int_equal(offset, KAFKA_WINDOW);
    kafka_core_finish(core, stuck, KAFKA_DONE, 0, offset);
    assert_true(kafka_core_wants(core, 0));
    free_core(core);
}

static void test_gap_wider_than_the_window_is_passed_once_all_before_it_is_done(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    give(core, webhook(0, "a", 0), 0);
    struct kafka_core_run *run = kafka_core_next(core, 0);
    assert_int_equal(give(core, webhook(1000000, "b", 0), 0), KAFKA_TAKEN_LATER);
    kafka_core_finish(core, run, KAFKA_DONE, 0, 0);
    assert_int_equal(give(core, webhook(1000000, "b", 0), 0), KAFKA_TAKEN);
    assert_int_equal(stats_of(core).low, 1000000);
    free_core(core);
}

static void test_log_made_anew_below_the_mark_is_read_again(void **state UNUSED)
{
    struct kafka_core *core = new_core(true);
    kafka_core_assign(core, 0, 5000, (struct str){0});
    assert_int_equal(give(core, webhook(3, "a", 0), 0), KAFKA_TAKEN);
    struct kafka_core_run *run = kafka_core_next(core, 0);
    kafka_core_finish(core, run, KAFKA_DONE, 0, 0);
    int64_t low;
    uint64_t version;
    struct buf metadata CLEANUP(buf_fini);
    buf_init(&metadata, KAFKA_METADATA_MAX);
    assert_true(kafka_core_commit_get(core, 0, &low, &metadata, &version));
    assert_int_equal(low, 4);
    free_core(core);
}

static void check_round_trip(int64_t low, int64_t end, const int64_t *open, size_t count)
{
    static int64_t back[KAFKA_INCOMPLETE_MAX];
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, KAFKA_METADATA_MAX);
    kafka_metadata_encode(low, end, open, count, &text);
    assert_false(text.failed);
    assert_int_equal(strlen(buf_c(&text)), text.len);
    int64_t back_end;
    size_t back_count;
    assert_int_equal(kafka_metadata_decode(buf_str(&text), low, &back_end, back, &back_count, NULL),
                     ERR_OK);
    assert_int_equal(back_end, end);
    assert_int_equal(back_count, count);
    assert_memory_equal(back, open, count * sizeof *open);
}

static void test_metadata_always_fits_and_reads_back(void **state UNUSED)
{
    static int64_t open[KAFKA_INCOMPLETE_MAX];
    uint64_t random = 1;
    for (int round = 0; round < 300; round++) {
        int64_t low = (int64_t)round * 1000003, o = low;
        size_t count = 0;
        int64_t mean = 1 + round % 90;
        while (count < KAFKA_INCOMPLETE_MAX && o < low + KAFKA_WINDOW - 1) {
            open[count++] = o;
            random = random * 6364136223846793005u + 1442695040888963407u;
            o += 1 + (int64_t)((random >> 33) % (uint64_t)(2 * mean));
        }
        check_round_trip(low, open[count - 1] + 2, open, count);
    }
    open[0] = 7;
    check_round_trip(7, 7 + KAFKA_WINDOW, open, 1);
}

static void test_foreign_metadata_is_refused_and_never_believed_in_part(void **state UNUSED)
{
    static const char *const foreign[] = {
        "x",    "AQ==",         "AgAA", "CQUA",     "not base64!",
        "AQUF", "AQX/////////", "AgUA", "AgUf/w==", "AQQAAAAA", /* more gaps than the span holds */
    };
    static int64_t open[KAFKA_INCOMPLETE_MAX];
    int64_t end;
    size_t count;
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        assert_int_equal(kafka_metadata_decode(str_c(foreign[i]), 100, &end, open, &count, NULL),
                         ERR_PROTO);
    }
    struct kafka_core *core = new_core(true);
    assert_false(kafka_core_assign(core, 0, 10, str_c("x")));
    assert_int_equal(give(core, webhook(10, "a", 0), 0), KAFKA_TAKEN);
    free_core(core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storm_of_one_calendar_costs_few_runs_and_leaves_others_alone),
        cmocka_unit_test(test_record_during_a_run_waits_for_the_next_one),
        cmocka_unit_test(test_person_does_not_wait_for_the_interval_nor_for_our_own_back_off),
        cmocka_unit_test(test_retries_are_bounded_and_end_in_parking),
        cmocka_unit_test(test_long_retry_after_parks_at_once),
        cmocka_unit_test(test_keys_in_back_off_wake_in_the_order_of_their_times),
        cmocka_unit_test(test_run_carries_the_trace_of_a_record),
        cmocka_unit_test(test_commands_of_a_key_run_one_after_another_and_stay_behind_a_retry),
        cmocka_unit_test(test_priorities_and_tenants_share_the_slots),
        cmocka_unit_test(test_due_work_takes_free_slots_only_and_goes_last),
        cmocka_unit_test(test_due_work_is_refused_when_the_slots_are_taken),
        cmocka_unit_test(test_many_items_become_all_of_the_key),
        cmocka_unit_test(test_incomplete_and_bytes_and_window_stop_the_polling),
        cmocka_unit_test(test_gap_wider_than_the_window_is_passed_once_all_before_it_is_done),
        cmocka_unit_test(test_log_made_anew_below_the_mark_is_read_again),
        cmocka_unit_test(test_metadata_always_fits_and_reads_back),
        cmocka_unit_test(test_foreign_metadata_is_refused_and_never_believed_in_part),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
