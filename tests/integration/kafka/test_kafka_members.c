/* A group whose members come and go, stand still past their session, and are killed, against a real
 * broker. What each member ran is in its log; the test knows what was produced. */
#include "members.h"

#include <signal.h>

#define PARTITIONS 8
#define SESSION_MS 3000

struct verdict {
    int missing;    /* records that nobody finished */
    int repeated;   /* finished more than once */
    int disordered; /* within an assignment: not after the one before of its key */
    int doubled;    /* two runs of a key at a time in a process */
};

static void check_log(const struct child *c, int counts[STREAM_KEYS][4096], struct verdict *v)
{
    struct lines lines = {0};
    int last[STREAM_KEYS];
    bool running[STREAM_KEYS] = {false};
    memset(last, -1, sizeof last);
    lines_read(c, &lines);
    vec_foreach (line, &lines) {
        if (line->kind == LINE_GAIN) { /* an assignment may begin before where the last one was */
            memset(last, -1, sizeof last);
        } else if (line->kind == LINE_BEGIN) {
            v->disordered += line->seq <= last[line->key];
            v->doubled += running[line->key];
            last[line->key] = line->seq;
            running[line->key] = true;
        } else if (line->kind == LINE_END || line->kind == LINE_STOP) {
            running[line->key] = false;
            counts[line->key][line->seq] += line->kind == LINE_END;
        }
    }
    vec_fini(&lines);
}

static struct verdict judge(const struct child *children, size_t count, const struct stream *s)
{
    struct verdict v = {0};
    int(*counts)[4096] = xcalloc(STREAM_KEYS, sizeof *counts);
    for (size_t i = 0; i < count; i++) {
        check_log(&children[i], counts, &v);
    }
    for (int k = 0; k < STREAM_KEYS; k++) {
        for (int seq = 0; seq < s->sent[k]; seq++) {
            v.missing += counts[k][seq] == 0;
            v.repeated += counts[k][seq] > 1 ? counts[k][seq] - 1 : 0;
        }
    }
    free(counts);
    return v;
}

struct scene {
    struct kafka_cluster *cluster;
    struct stream stream;
    struct child child[4];
    size_t children;
};

static bool nothing_is_missing(void *arg)
{
    struct scene *s = arg;
    return judge(s->child, s->children, &s->stream).missing == 0;
}

static struct child_opts scene_start(struct scene *s, struct kafka_cluster *cluster,
                                     const char *name)
{
    memset(s, 0, sizeof *s);
    s->cluster = cluster;
    const char *topic = fresh_name(name);
    make_topic(cluster, topic, PARTITIONS);
    stream_start(&s->stream, cluster, topic, 3);
    return (struct child_opts){.bootstrap = cluster->bootstrap,
                               .topic = topic,
                               .group = topic,
                               .run_ms = 20,
                               .session_ms = SESSION_MS};
}

static struct child *join(struct scene *s, const struct child_opts *o, const char *name)
{
    struct child *c = &s->child[s->children++];
    child_start(c, o, name);
    EXPECT(wait_for_lines(c, LINE_END, 1, 15000), NULL);
    return c;
}

static struct verdict scene_end(struct scene *s)
{
    stream_stop(&s->stream);
    EXPECT(wait_until(nothing_is_missing, s, 20000), NULL);
    for (size_t i = 0; i < s->children; i++) {
        if (s->child[i].pid != 0) {
            child_signal(&s->child[i], SIGTERM);
            EXPECT(child_wait(&s->child[i]) == 0, NULL);
        }
    }
    stream_end(&s->stream);
    struct verdict v = judge(s->child, s->children, &s->stream);
    print_message("missing %d, repeated %d, out of order %d, doubled %d\n", v.missing, v.repeated,
                  v.disordered, v.doubled);
    EXPECT(v.missing == 0 && v.disordered == 0 && v.doubled == 0, NULL);
    return v;
}

/* ---- clean changes
 * ----------------------------------------------------------------------------------- */

static void join_and_leave(void *arg)
{
    struct scene s;
    struct child_opts o = scene_start(&s, arg, "join");
    join(&s, &o, "a");
    struct child *b = join(&s, &o, "b");
    join(&s, &o, "c");
    EXPECT(co_sleep(500, NULL) == ERR_OK, NULL);
    child_signal(b, SIGTERM);
    EXPECT(child_wait(b) == 0, NULL);
    EXPECT(co_sleep(1000, NULL) == ERR_OK, NULL);
    struct verdict v = scene_end(&s);
    /* Runs end and are committed before a partition changes hands. */
    EXPECT(v.repeated == 0, NULL);
}

static void test_members_join_and_leave_without_loss_or_repetition(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(join_and_leave, &cluster);
}

/* ---- rude changes
 * ------------------------------------------------------------------------------------ */

static void kill_and_stop(void *arg)
{
    struct scene s;
    struct child_opts o = scene_start(&s, arg, "kill");
    struct child *a = join(&s, &o, "a");
    struct child *b = join(&s, &o, "b");
    join(&s, &o, "c");
    EXPECT(co_sleep(1000, NULL) == ERR_OK, NULL);
    child_signal(b, SIGKILL);
    EXPECT(child_wait(b) == -SIGKILL, NULL);
    EXPECT(co_sleep(SESSION_MS + 1500, NULL) == ERR_OK, NULL);
    size_t losses = lines_count(a, LINE_LOSS);
    child_signal(a, SIGSTOP); /* past its session: another takes over, then it wakes */
    EXPECT(co_sleep(SESSION_MS + 2000, NULL) == ERR_OK, NULL);
    child_signal(a, SIGCONT);
    EXPECT(wait_for_lines(a, LINE_LOSS, losses + 1, 10000), NULL);
    EXPECT(wait_for_lines(a, LINE_GAIN, losses + 2, 10000), NULL);
    join(&s, &o, "d");
    struct verdict v = scene_end(&s);
    /* 330 records a second: a kill and a stop each repeat what was done since the last commit
     * (250 ms and its answer), what was in flight (64 at most), and what the stopped one finished
     * when it woke. */
    EXPECT(v.repeated <= 2 * (330 / 2 + 64), NULL);
}

static void test_killed_and_stopped_members_lose_nothing_and_repeat_little(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(kill_and_stop, &cluster);
}

/* ---- static members
 * ------------------------------------------------------------------------------------ */

static void static_restart(void *arg)
{
    struct scene s;
    struct child_opts o = scene_start(&s, arg, "static");
    o.session_ms = 20000;
    o.instance = "member-0";
    struct child *a = join(&s, &o, "a");
    o.instance = "member-1";
    struct child *b = join(&s, &o, "b");
    size_t gains = lines_count(a, LINE_GAIN);
    child_signal(b, SIGTERM); /* a rolling restart: it does not leave, and comes back in time */
    EXPECT(child_wait(b) == 0, NULL);
    size_t ends = lines_count(b, LINE_END);
    child_start(b, &o, "b");
    EXPECT(wait_for_lines(b, LINE_END, ends + 20, 15000), NULL);
    EXPECT(lines_count(a, LINE_GAIN) == gains, NULL); /* the other one noticed nothing */

    /* A second process of the same name takes over; the first one ends and says why. */
    struct child *c = &s.child[s.children++];
    child_start(c, &o, "c");
    EXPECT(child_wait(b) == 3, NULL);
    EXPECT(wait_for_lines(c, LINE_END, 1, 20000), NULL);
    scene_end(&s);
}

static void
test_static_member_restarts_without_a_rebalance_and_is_fenced_by_its_double(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(static_restart, &cluster);
}

/* ---- failpoints
 * ---------------------------------------------------------------------------------------- */

#define SHORT_SESSION_MS 1500

static bool is_stopped(void *arg)
{
    return child_is_stopped(arg);
}

/* One member is killed at the point, or stopped there past its session; the other goes on. */
static void fail_at(struct kafka_cluster *cluster, const char *point, bool kill_it)
{
    struct scene s;
    char setting[80];
    struct child_opts o = scene_start(&s, cluster, "point");
    bool revoke = strstr(point, "revoke") != NULL;
    snprintf(setting, sizeof setting, "%s=%s", point, kill_it ? "kill" : "stop");
    o.session_ms = SHORT_SESSION_MS;
    o.failpoint = setting;
    struct child *a = &s.child[s.children++];
    struct child *b = &s.child[s.children++];
    child_start(a, &o, "a");
    if (revoke) { /* it is revoked when the other one joins */
        EXPECT(wait_for_lines(a, LINE_END, 1, 15000), NULL);
    }
    o.failpoint = NULL;
    child_start(b, &o, "b");
    if (kill_it) {
        EXPECT(child_wait(a) == -SIGKILL, NULL);
    } else {
        EXPECT(wait_until(is_stopped, a, 15000), NULL);
        EXPECT(co_sleep(SHORT_SESSION_MS + 1000, NULL) == ERR_OK, NULL);
        child_signal(a, SIGCONT);
    }
    EXPECT(wait_for_lines(b, LINE_END, 50, 15000), NULL);
    print_message("%s: ", setting);
    struct verdict v = scene_end(&s);
    EXPECT(v.repeated <= 330 / 2 + 64 + 330, NULL);
}

static const char *const points[] = {"kafka.assign.before", "kafka.commit.before",
                                     "kafka.commit.after", "kafka.revoke.drained",
                                     "kafka.revoke.committed"};

static void kill_at_each(void *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        fail_at(arg, points[i], true);
    }
}

static void test_killed_at_each_failpoint_nothing_is_lost(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(kill_at_each, &cluster);
}

static void stop_at_each(void *arg)
{
    for (size_t i = 0; i < ARRAY_LEN(points); i++) {
        fail_at(arg, points[i], false);
    }
}

static void test_stopped_past_the_session_at_each_failpoint_nothing_is_lost(void **state UNUSED)
{
    struct kafka_cluster cluster = shared_cluster();
    in_loop(stop_at_each, &cluster);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_members_join_and_leave_without_loss_or_repetition),
        cmocka_unit_test(test_killed_and_stopped_members_lose_nothing_and_repeat_little),
        cmocka_unit_test(
            test_static_member_restarts_without_a_rebalance_and_is_fenced_by_its_double),
        cmocka_unit_test(test_killed_at_each_failpoint_nothing_is_lost),
        cmocka_unit_test(test_stopped_past_the_session_at_each_failpoint_nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
