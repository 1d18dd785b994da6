/* What a request must be to be believed: each byte that travels is altered in turn. */
#include "kafka/rpc.h"
#include "rpc_wire.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#define NOW INT64_C(1700000000000)

static struct crypto_keyring ring = {
    .count = 2, .keys = {{.id = 7, .bytes = {1, 2, 3}}, {.id = 6, .bytes = {9, 9, 9}}}};

struct sent {
    struct kafka_record record;
    uint8_t header[RPC_REQUEST_LEN];
    char topic[32];
    char key[16];
    char caller[16];
    struct buf sealed;
};

static void put_together(struct sent *s, uint64_t counter, int64_t deadline_at, size_t ring_index)
{
    static struct rpc_keys keys;
    struct rpc_request_head head = {.from = {.key_id = ring.keys[ring_index].id,
                                             .incarnation = "an-incarnation",
                                             .counter = counter},
                                    .deadline_at = deadline_at,
                                    .reply_partition = 3};
    memset(s, 0, sizeof *s);
    buf_init(&s->sealed, 1000);
    memcpy(s->topic, "requests", 9);
    memcpy(s->key, "key-1", 5);
    memcpy(s->caller, "user-1", 6);
    rpc_request_print(&head, s->header);
    s->record = (struct kafka_record){
        .topic = s->topic,
        .partition = 1,
        .offset = 100 + (int64_t)counter,
        .key = {s->key, 5},
        .header_count = 2,
        .headers = {{RPC_REQUEST_HEADER, {(const char *)s->header, sizeof s->header}},
                    {RPC_CALLER_HEADER, {s->caller, 6}}},
    };
    struct rpc_bound bound = {.header = s->record.headers[0].value,
                              .topic = str_c(s->topic),
                              .key = s->record.key,
                              .caller = s->record.headers[1].value};
    rpc_seal(&keys, &ring.keys[ring_index], &head.from, &bound, STR("payload"), &s->sealed);
    s->record.value = buf_str(&s->sealed);
}

static enum err_code open_it(struct kafka_rpc_server *server, const struct sent *s,
                             struct kafka_rpc_request *request, struct arena *arena)
{
    return kafka_rpc_request_open(server, &s->record, NOW, arena, request, NULL);
}

static struct kafka_rpc_server *new_server(void)
{
    return kafka_rpc_server_new(&(struct kafka_rpc_server_opts){.bus_keys = &ring});
}

static void test_a_true_request_opens_with_any_key_of_the_ring(void **state UNUSED)
{
    struct kafka_rpc_server *server = new_server();
    for (size_t i = 0; i < 2; i++) {
        struct sent s;
        struct kafka_rpc_request request;
        struct arena arena CLEANUP(arena_fini);
        arena_init(&arena);
        put_together(&s, 1 + i, NOW + 1000, i);
        assert_int_equal(open_it(server, &s, &request, &arena), ERR_OK);
        assert_true(str_eq_c(request.payload, "payload"));
        assert_true(str_eq_c(request.caller, "user-1"));
        assert_true(str_eq_c(request.key, "key-1"));
        assert_int_equal(request.deadline_at, NOW + 1000);
        assert_int_equal(request.reply_partition, 3);
        assert_int_equal(request.seq, 1 + i);
        assert_memory_equal(request.asker, "an-incarnation\0", 16);
        buf_fini(&s.sealed);
    }
    kafka_rpc_server_free(server);
}

static void expect_refused(struct kafka_rpc_server *server, const struct sent *s)
{
    struct kafka_rpc_request request;
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    enum err_code rc = open_it(server, s, &request, &arena);
    assert_true(rc == ERR_AUTH || rc == ERR_PROTO || rc == ERR_CONFIG);
}

static void flip_each(struct kafka_rpc_server *server, struct sent *s, void *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            ((uint8_t *)bytes)[i] ^= (uint8_t)(1 << bit);
            expect_refused(server, s);
            ((uint8_t *)bytes)[i] ^= (uint8_t)(1 << bit);
        }
    }
}

static void test_nothing_altered_opens(void **state UNUSED)
{
    struct kafka_rpc_server *server = new_server();
    struct sent s;
    struct kafka_rpc_request request;
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    put_together(&s, 1, NOW + 1000, 0);
    flip_each(server, &s, s.header, sizeof s.header);
    flip_each(server, &s, s.topic, strlen(s.topic));
    flip_each(server, &s, s.key, 5);
    flip_each(server, &s, s.caller, 6);
    flip_each(server, &s, s.sealed.ptr, s.sealed.len);
    s.record.value.len--;
    expect_refused(server, &s);
    s.record.value.len++;
    s.record.headers[1].value.len = 5; /* a shorter caller */
    expect_refused(server, &s);
    s.record.headers[1].value.len = 6;
    s.record.key.ptr = NULL;
    s.record.key.len = 0;
    expect_refused(server, &s);
    s.record.key = (struct str){s.key, 5};
    s.record.header_count = 1; /* no caller */
    expect_refused(server, &s);
    s.record.header_count = 2;
    assert_int_equal(open_it(server, &s, &request, &arena), ERR_OK); /* it was the alterations */
    buf_fini(&s.sealed);
    kafka_rpc_server_free(server);
}

static void test_key_that_left_the_ring_is_a_matter_for_the_operator(void **state UNUSED)
{
    struct crypto_keyring other = {.count = 1, .keys = {{.id = 9}}};
    struct kafka_rpc_server *server =
        kafka_rpc_server_new(&(struct kafka_rpc_server_opts){.bus_keys = &other});
    struct sent s;
    struct kafka_rpc_request request;
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    put_together(&s, 1, NOW + 1000, 0);
    assert_int_equal(open_it(server, &s, &request, &arena), ERR_CONFIG);
    buf_fini(&s.sealed);
    kafka_rpc_server_free(server);
}

static void test_replay_is_seen_and_redelivery_is_not_one(void **state UNUSED)
{
    struct kafka_rpc_server *server = new_server();
    struct sent s;
    struct kafka_rpc_request request;
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    put_together(&s, 1, NOW + 1000, 0);
    assert_int_equal(open_it(server, &s, &request, &arena), ERR_OK);
    assert_int_equal(open_it(server, &s, &request, &arena), ERR_OK); /* Kafka gave it again */
    s.record.offset++;
    assert_int_equal(open_it(server, &s, &request, &arena), ERR_EXISTS);
    buf_fini(&s.sealed);
    kafka_rpc_server_free(server);
}

static void test_late_and_impossible_deadlines(void **state UNUSED)
{
    struct kafka_rpc_server *server = new_server();
    struct sent s;
    struct kafka_rpc_request request = {0};
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    put_together(&s, 1, NOW - 1, 0);
    assert_int_equal(open_it(server, &s, &request, &arena), ERR_EXPIRED);
    assert_int_equal(request.seq, 1); /* enough to answer it */
    buf_fini(&s.sealed);
    put_together(&s, 2, NOW + KAFKA_RPC_DEADLINE_MAX_MS + 1, 0);
    assert_int_equal(open_it(server, &s, &request, &arena), ERR_PROTO);
    buf_fini(&s.sealed);
    kafka_rpc_server_free(server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_true_request_opens_with_any_key_of_the_ring),
        cmocka_unit_test(test_nothing_altered_opens),
        cmocka_unit_test(test_key_that_left_the_ring_is_a_matter_for_the_operator),
        cmocka_unit_test(test_replay_is_seen_and_redelivery_is_not_one),
        cmocka_unit_test(test_late_and_impossible_deadlines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
