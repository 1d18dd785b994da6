/* Three brokers, each of which is killed in turn: a group goes on, in level-triggered mode. */
#include "members.h"

#include <signal.h>

struct scene {
    struct stack stack;
    struct stream stream;
    struct child child[2];
};

/* For each key a run must have made its first read after the key's last record was produced. */
static bool each_key_was_read_in_time(void *arg)
{
    struct scene *s = arg;
    int64_t last_read[STREAM_KEYS] = {0};
    bool done[STREAM_KEYS] = {false};
    for (size_t i = 0; i < ARRAY_LEN(s->child); i++) {
        int64_t reading[STREAM_KEYS] = {0};
        struct lines lines = {0};
        lines_read(&s->child[i], &lines);
        vec_foreach (line, &lines) {
            if (line->kind == LINE_READ) {
                reading[line->key] = line->at;
            } else if (line->kind == LINE_DONE && reading[line->key] >= last_read[line->key]) {
                last_read[line->key] = reading[line->key];
                done[line->key] = reading[line->key] >= s->stream.acked_at[line->key];
            }
        }
        vec_fini(&lines);
    }
    for (int k = 0; k < STREAM_KEYS; k++) {
        if (s->stream.sent[k] > 0 && !done[k]) {
            return false;
        }
    }
    return true;
}

static int total_sent(const struct stream *s)
{
    int total = 0;
    for (int k = 0; k < STREAM_KEYS; k++) {
        total += s->sent[k];
    }
    return total;
}

static bool wait_for_more(struct scene *s, int more, int64_t ms)
{
    int goal = total_sent(&s->stream) + more;
    int64_t deadline = co_after(ms);
    while (total_sent(&s->stream) < goal && co_now() < deadline && co_sleep(20, NULL) == ERR_OK) {
    }
    return total_sent(&s->stream) >= goal;
}

static void each_in_turn(void *arg)
{
    struct scene *s = arg;
    const char *topic = fresh_name("three");
    struct err err = {0};
    struct kafka_topic_state state;
    make_topic(&s->stack.cluster, topic, 6);
    EXPECT(kafka_topics_describe(co_loop_current(), &s->stack.cluster,
                                 &(struct kafka_topic){.name = topic}, 1, co_after(10000), &state,
                                 &err) == ERR_OK,
           &err);
    EXPECT(state.partitions == 6 && state.replicas == 3 && state.leaderless == 0, NULL);
    stream_start(&s->stream, &s->stack.cluster, topic, 3);
    struct child_opts o = {.bootstrap = s->stack.bootstrap,
                           .topic = topic,
                           .group = topic,
                           .coalesce = true,
                           .run_ms = 20,
                           .session_ms = 6000};
    child_start(&s->child[0], &o, "a");
    child_start(&s->child[1], &o, "b");
    EXPECT(wait_for_lines(&s->child[0], LINE_DONE, 50, 30000), NULL);
    EXPECT(wait_for_lines(&s->child[1], LINE_DONE, 50, 30000), NULL);
    EXPECT(wait_for_more(s, 300, 30000), NULL);

    for (int broker = 1; broker <= 3; broker++) { /* one of them is the group's coordinator */
        stack_signal(&s->stack, broker, SIGKILL);
        EXPECT(wait_for_more(s, 300, 40000), NULL); /* two of three take records */
        stack_restart(&s->stack);
        EXPECT(wait_for_more(s, 300, 40000), NULL);
    }
    stream_stop(&s->stream);
    print_message("%d records, %d refused and produced again\n", total_sent(&s->stream),
                  s->stream.failures);
    EXPECT(wait_until(each_key_was_read_in_time, s, 30000), NULL);
    for (size_t i = 0; i < ARRAY_LEN(s->child); i++) {
        child_signal(&s->child[i], SIGTERM);
        EXPECT(child_wait(&s->child[i]) == 0, NULL);
    }
    stream_end(&s->stream);
}

static void test_group_survives_the_death_of_each_broker_in_turn(void **state UNUSED)
{
    static struct scene scene;
    stack_up(&scene.stack, 3);
    in_loop(each_in_turn, &scene);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_stack(test_group_survives_the_death_of_each_broker_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
