/* The engine in one process, against a real broker. */
#include "harness.h"

#include "kafka/engine.h"

#include "base/vec.h"

/* What the runs of a test see and do. */
struct app {
    const char *topic;
    const char *group;
    const char *dead_topic;
    bool coalesce;
    size_t max_in_flight;
    struct kafka_cluster *cluster;
    struct kafka_producer *producer;
    struct kafka_engine *engine;
    int64_t skip_older_ms;
    uint64_t sent; /* since the engine began */
    int64_t run_ms;
    int fail_first;        /* runs that ask for a retry */
    const char *stuck_key; /* never ends before it is cancelled */
    const char *dead_key;
    int runs;
    int parks;
    int running;
    int most_running;
    int cancelled;
    size_t records;
    int due_looks;
    int due_offered;
    int gained, lost;
    bool saw_trace;
    VEC(char *) order; /* key:value of command runs */
};

static enum kafka_class classify(void *ctx UNUSED, const struct kafka_record *record,
                                 struct kafka_core_item *item, const char **ret_error_class)
{
    if (str_eq_c(record->value, "tick")) {
        return KAFKA_CLASS_WAKE;
    }
    if (str_eq_c(record->value, "garbage")) {
        *ret_error_class = "undecodable";
        return KAFKA_CLASS_DEAD_LETTER;
    }
    if (str_eq_c(record->value, "ui")) {
        item->priority = KAFKA_INTERACTIVE;
    }
    return KAFKA_CLASS_WORK;
}

static enum kafka_verdict run(void *ctx, struct kafka_run *r, struct err *err)
{
    struct app *app = ctx;
    kafka_run_reads(r);
    app->runs++;
    app->records += r->core->record_count;
    app->running++;
    app->most_running = MAX(app->most_running, app->running);
    app->saw_trace |= r->has_trace;
    if (r->record != NULL) {
        char *text = xmalloc(64);
        snprintf(text, 64, "%.*s:%.*s", STR_ARG(r->record->key), STR_ARG(r->record->value));
        vec_push(&app->order, text);
    }
    bool stuck = app->stuck_key != NULL && str_eq_c(r->core->key, app->stuck_key);
    enum err_code rc = co_sleep(stuck ? 600000 : app->run_ms, err);
    app->running--;
    if (rc != ERR_OK) {
        app->cancelled++;
        return KAFKA_RETRY;
    }
    if (r->core->park) {
        app->parks++;
        return KAFKA_PARKED;
    }
    if (app->dead_key != NULL && str_eq_c(r->core->key, app->dead_key)) {
        ERR_SET(err, ERR_GONE, "it is no more");
        return KAFKA_DEAD;
    }
    if (app->fail_first > 0) {
        app->fail_first--;
        ERR_SET_ACT(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, "not now");
        return KAFKA_RETRY;
    }
    return KAFKA_DONE;
}

static void due(void *ctx, const struct kafka_due_query *query)
{
    struct app *app = ctx;
    app->due_looks++;
    if (app->due_offered > 0 && query->partition_count > 0) {
        struct kafka_core_item item = {
            .key = STR("due-key"), .item = 3, .reasons = 8, .priority = KAFKA_POLL};
        EXPECT(query->limit >= query->room && query->partitions[0].partition_count == 4, NULL);
        app->due_offered -= kafka_engine_due(app->engine, query->partitions[0].topic,
                                             query->partitions[0].partition, &item);
    }
}

static void on_change(void *ctx, const struct kafka_partition *partitions UNUSED, size_t count,
                      bool gained)
{
    struct app *app = ctx;
    *(gained ? &app->gained : &app->lost) += (int)count;
}

static const struct kafka_engine_ops ops = {
    .classify = classify, .run = run, .due = due, .on_change = on_change};

static void start_engine(struct app *app)
{
    struct err err = {0};
    struct kafka_engine_opts opts = {
        .cluster = *app->cluster,
        .group = app->group,
        .session_timeout_ms = 6000,
        .topics = &app->topic,
        .topic_count = 1,
        .core = {.coalesce = app->coalesce,
                 .max_in_flight = app->max_in_flight,
                 .min_interval_ms = 200,
                 .seed = 1},
        .skip_older_ms = app->skip_older_ms,
        .producer = app->producer,
        .dead_letter_topic = app->dead_topic,
        .ops = &ops,
        .ctx = app,
    };
    EXPECT(kafka_engine_start(co_loop_current(), &opts, &app->engine, &err) == ERR_OK, &err);
}

static void stop_engine(struct app *app, int64_t ms)
{
    kafka_engine_stop(app->engine, co_after(ms));
    app->engine = kafka_engine_free(app->engine);
}

static void prepare(struct app *app, struct kafka_cluster *cluster, const char *name)
{
    static const char *topics[2];
    struct err err = {0};
    app->cluster = cluster;
    app->topic = topics[0] = fresh_name(name);
    app->dead_topic = topics[1] = fresh_name("dead");
    app->group = app->topic;
    make_topic(cluster, topics[0], 4);
    make_topic(cluster, topics[1], 1);
    struct kafka_producer_opts opts = {.cluster = *cluster, .topics = topics, .topic_count = 2};
    EXPECT(kafka_producer_new(co_loop_current(), &opts, &app->producer, &err) == ERR_OK, &err);
    EXPECT(kafka_producer_warm(app->producer, co_after(10000), &err) == ERR_OK, &err);
}

static void finish(struct app *app)
{
    kafka_producer_close(app->producer, co_after(5000));
    kafka_producer_free(app->producer);
    vec_foreach (text, &app->order) {
        free(*text);
    }
    vec_fini(&app->order);
}

/* All is done: what was sent since the engine began was taken, and nothing is open. */
static bool caught_up(void *arg)
{
    struct app *app = arg;
    struct kafka_engine_health h = kafka_engine_health(app->engine);
    return h.assigned && h.backlog == 0 && h.core.in_flight == 0 &&
           h.core.taken + h.core.skipped >= app->sent;
}

/* ---- level-triggered
 * ------------------------------------------------------------------------------ */

static void storm(void *arg)
{
    struct app app = {.coalesce = true, .max_in_flight = 64, .run_ms = 50};
    prepare(&app, arg, "storm");
    start_engine(&app);
    for (int i = 0; i < 2000; i++) {
        struct kafka_delivery *d = xcalloc(1, sizeof *d);
        struct kafka_message m = {
            .topic = app.topic, .partition = -1, .key = STR("hot"), .value = STR("x")};
        d->fn = (kafka_delivery_fn)(void (*)(void))free;
        EXPECT(kafka_produce_start(app.producer, &m, d, NULL) == ERR_OK, NULL);
    }
    struct kafka_header trace = {"traceparent",
                                 STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")};
    struct kafka_message traced = {.topic = app.topic,
                                   .partition = -1,
                                   .key = STR("quiet"),
                                   .value = STR("ui"),
                                   .headers = &trace,
                                   .header_count = 1};
    EXPECT(kafka_produce(app.producer, &traced, co_after(5000), NULL) == ERR_OK, NULL);
    app.sent = 2001;
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    struct kafka_engine_health h = kafka_engine_health(app.engine);
    EXPECT(app.runs >= 2 && app.runs <= 12, NULL);
    EXPECT(h.core.coalesced >= 1900, NULL);
    EXPECT(h.partitions == 4 && app.gained == 4, NULL);
    EXPECT(app.saw_trace, NULL);
    EXPECT(app.due_looks > 0, NULL);

    app.due_offered = 1;
    int before = app.runs;
    send_text(app.producer, app.topic, 0, "any", "tick"); /* a wake-up */
    int64_t began = co_now();
    while (app.runs == before && co_now() - began < 2000 && co_sleep(5, NULL) == ERR_OK) {
    }
    EXPECT(app.runs == before + 1 && app.due_offered == 0, NULL);
    stop_engine(&app, 5000);
    EXPECT(app.lost == 4, NULL);

    /* Nothing is read again by the next one. */
    app.runs = 0;
    app.sent = 1;
    start_engine(&app);
    send_text(app.producer, app.topic, -1, "hot", "x");
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    EXPECT(app.runs == 1, NULL);
    stop_engine(&app, 5000);
    finish(&app);
}

static void test_storm_is_coalesced_and_a_restart_replays_nothing(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(storm, &cluster);
}

static void retries(void *arg)
{
    struct app app = {.coalesce = true, .max_in_flight = 8, .fail_first = 2};
    prepare(&app, arg, "retry");
    start_engine(&app);
    send_text(app.producer, app.topic, -1, "a", "x");
    app.sent = 1;
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    EXPECT(app.runs == 3 && app.parks == 0, NULL);
    app.fail_first = 1000;
    send_text(app.producer, app.topic, -1, "b", "x");
    app.sent = 2;
    EXPECT(wait_until(caught_up, &app, 30000), NULL);
    EXPECT(app.runs == 3 + 6 && app.parks == 1, NULL);
    stop_engine(&app, 5000);
    finish(&app);
}

static void test_failing_work_is_tried_again_and_then_parked(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(retries, &cluster);
}

/* One key hangs; what completed above it is known to the next member by the commit's metadata. */
static void out_of_order(void *arg)
{
    struct app app = {.coalesce = true, .max_in_flight = 64, .run_ms = 1, .stuck_key = "stuck"};
    prepare(&app, arg, "metadata");
    send_text(app.producer, app.topic, 0, "stuck", "x");
    for (int i = 0; i < 300; i++) {
        char key[16];
        snprintf(key, sizeof key, "key-%d", i);
        send_text(app.producer, app.topic, 0, key, "x");
    }
    start_engine(&app);
    int64_t began = co_now();
    while (app.runs - app.running < 300 && co_now() - began < 15000 &&
           co_sleep(5, NULL) == ERR_OK) {
    }
    EXPECT(app.runs == 301 && app.running == 1, NULL);
    app.sent = 301;
    stop_engine(&app, 200); /* the stuck one is cancelled */
    EXPECT(app.cancelled == 1, NULL);
    app.runs = 0;
    app.stuck_key = NULL;
    start_engine(&app);
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    struct kafka_engine_health h = kafka_engine_health(app.engine);
    EXPECT(app.runs == 1 && h.core.skipped == 300 && h.core.replayed == 1, NULL);
    stop_engine(&app, 5000);
    finish(&app);
}

static void test_commit_metadata_spares_the_next_member_what_is_done(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(out_of_order, &cluster);
}

/* The loop alone stood still: the group kept us, so commits go on after a while. */
static void blocked_loop(void *arg)
{
    struct app app = {.coalesce = true, .max_in_flight = 8};
    prepare(&app, arg, "blocked");
    app.sent = 1;
    start_engine(&app);
    send_text(app.producer, app.topic, 0, "a", "x");
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    nanosleep(&(struct timespec){.tv_sec = 7}, NULL); /* the session is 6 s */
    EXPECT(co_sleep(200, NULL) == ERR_OK, NULL);
    app.sent = 2;
    send_text(app.producer, app.topic, 0, "b", "x");
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    EXPECT(co_sleep(6500, NULL) == ERR_OK, NULL);
    stop_engine(&app, 2000);
    app.runs = 0;
    app.sent = 1;
    start_engine(&app);
    send_text(app.producer, app.topic, 0, "c", "x");
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    EXPECT(app.runs == 1, NULL);
    stop_engine(&app, 2000);
    finish(&app);
}

static void test_commits_go_on_after_the_loop_stood_still(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(blocked_loop, &cluster);
}

/* ---- commands
 * --------------------------------------------------------------------------------------- */

static void commands(void *arg)
{
    struct app app = {.max_in_flight = 16, .run_ms = 5};
    prepare(&app, arg, "commands");
    for (int i = 0; i < 40; i++) {
        char key[8], value[8];
        snprintf(key, sizeof key, "k%d", i % 4);
        snprintf(value, sizeof value, "%02d", i);
        send_text(app.producer, app.topic, -1, key, value);
    }
    app.sent = 40;
    start_engine(&app);
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    EXPECT(app.order.len == 40 && app.most_running > 1, NULL);
    char last[4][64] = {"", "", "", ""};
    vec_foreach (text, &app.order) {
        int k = (*text)[1] - '0';
        EXPECT(strcmp(last[k], *text) < 0, NULL);
        snprintf(last[k], sizeof last[k], "%s", *text);
    }
    stop_engine(&app, 5000);
    finish(&app);
}

static void test_commands_of_a_key_keep_their_order(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(commands, &cluster);
}

static void old_questions(void *arg)
{
    struct app app = {.max_in_flight = 16, .skip_older_ms = 1000};
    prepare(&app, arg, "old");
    for (int32_t p = 0; p < 4; p++) { /* partition 1 alone gets a fresh one as well */
        send_text(app.producer, app.topic, p, "k", "old");
    }
    EXPECT(co_sleep(1500, NULL) == ERR_OK, NULL);
    send_text(app.producer, app.topic, 1, "k", "fresh");
    app.sent = 1;
    start_engine(&app);
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    app.sent = 2; /* into a partition that was passed over to its end */
    send_text(app.producer, app.topic, 2, "k", "newer");
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    EXPECT(app.order.len == 2 && strcmp(app.order.ptr[0], "k:fresh") == 0 &&
               strcmp(app.order.ptr[1], "k:newer") == 0,
           NULL);
    stop_engine(&app, 5000);
    finish(&app);
}

static void test_questions_that_are_too_old_are_passed_over(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(old_questions, &cluster);
}

static void read_dead(void *ctx, const char *topic, const char *group,
                      struct kafka_cluster *cluster);

static void dead_letters(void *arg)
{
    struct app app = {.max_in_flight = 16, .dead_key = "dead"};
    prepare(&app, arg, "dead-source");
    send_text(app.producer, app.topic, 1, "x", "garbage");
    send_text(app.producer, app.topic, 1, "dead", "body");
    send_text(app.producer, app.topic, 1, "good", "body");
    app.sent = 3;
    start_engine(&app);
    EXPECT(wait_until(caught_up, &app, 15000), NULL);
    stop_engine(&app, 5000);
    EXPECT(app.runs == 2, NULL);
    read_dead(&app, app.dead_topic, "dead-reader", app.cluster);
    finish(&app);
}

struct dead_reader {
    int garbage;
    int gone;
};

static enum kafka_verdict read_one_dead(void *ctx, struct kafka_run *r, struct err *err UNUSED)
{
    struct dead_reader *d = ctx;
    struct str class = {0}, partition = {0}, offset = {0}, topic = {0};
    EXPECT(kafka_record_header(r->record, "x-error-class", &class), NULL);
    EXPECT(kafka_record_header(r->record, "x-orig-partition", &partition) &&
               str_eq_c(partition, "1"),
           NULL);
    EXPECT(kafka_record_header(r->record, "x-orig-offset", &offset), NULL);
    EXPECT(kafka_record_header(r->record, "x-orig-topic", &topic), NULL);
    d->garbage += str_eq_c(class, "undecodable") && str_eq_c(r->record->value, "garbage") &&
                  str_eq_c(offset, "0");
    d->gone +=
        str_eq_c(class, "gone") && str_eq_c(r->record->value, "body") && str_eq_c(offset, "1");
    return KAFKA_DONE;
}

static bool both_read(void *arg)
{
    struct dead_reader *d = arg;
    return d->garbage == 1 && d->gone == 1;
}

static void read_dead(void *ctx UNUSED, const char *topic, const char *group,
                      struct kafka_cluster *cluster)
{
    static const struct kafka_engine_ops reader_ops = {.run = read_one_dead};
    struct dead_reader d = {0};
    struct err err = {0};
    struct kafka_engine *e = NULL;
    struct kafka_engine_opts opts = {.cluster = *cluster,
                                     .group = group,
                                     .topics = &topic,
                                     .topic_count = 1,
                                     .ops = &reader_ops,
                                     .ctx = &d};
    EXPECT(kafka_engine_start(co_loop_current(), &opts, &e, &err) == ERR_OK, &err);
    EXPECT(wait_until(both_read, &d, 15000), NULL);
    kafka_engine_stop(e, co_after(2000));
    kafka_engine_free(e);
}

static void test_dead_letters_keep_the_bytes_and_say_why(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(dead_letters, &cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_storm_is_coalesced_and_a_restart_replays_nothing),
        cmocka_unit_test(test_failing_work_is_tried_again_and_then_parked),
        cmocka_unit_test(test_commit_metadata_spares_the_next_member_what_is_done),
        cmocka_unit_test(test_commits_go_on_after_the_loop_stood_still),
        cmocka_unit_test(test_commands_of_a_key_keep_their_order),
        cmocka_unit_test(test_questions_that_are_too_old_are_passed_over),
        cmocka_unit_test(test_dead_letters_keep_the_bytes_and_say_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
