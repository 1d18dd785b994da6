/* GET of a 300-byte value through libs/redis, beside hiredis's own blocking call for one in flight
 * and its blocking pipeline for 32; in one run, on the server at 127.0.0.1:PORT (the argument).
 * us for each GET, median of the rounds. */
#include "redis/redis.h"

#include <hiredis/hiredis.h>
#include <stdio.h>

#define ROUNDS 7
#define GETS 20000
#define WIDE 32

static struct redis_client *client;
static redisContext *bare;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double median(double values[ROUNDS])
{
    qsort(values, ROUNDS, sizeof *values, by_value);
    return values[ROUNDS / 2];
}

static double each_us(int64_t began)
{
    return (double)(co_clock_ns() - began) / GETS / 1000;
}

static void get_often(void *arg)
{
    int count = (int)(intptr_t)arg;
    CLEANUP(arena_fini) struct arena arena;
    arena_init(&arena);
    for (int i = 0; i < count; i++) {
        struct str value;
        BUG_ON(redis_get(client, &arena, co_after(1000), STR("bench"), &value, NULL) != ERR_OK);
        BUG_ON(value.len != 300);
        arena_reset(&arena);
    }
}

static double ours(int width)
{
    struct co_group group;
    co_group_init(&group, co_loop_current());
    int64_t began = co_clock_ns();
    for (int i = 0; i < width; i++) {
        BUG_ON(co_spawn(&group, "get", get_often, (void *)(intptr_t)(GETS / width), NULL) !=
               ERR_OK);
    }
    BUG_ON(co_group_join(&group, CO_FOREVER, NULL) != ERR_OK);
    return each_us(began);
}

static void take_reply(void)
{
    void *reply = NULL;
    BUG_ON(redisGetReply(bare, &reply) != REDIS_OK);
    freeReplyObject(reply);
}

static double base(int width)
{
    int64_t began = co_clock_ns();
    for (int i = 0; i < GETS / width; i++) {
        for (int at = 0; at < width; at++) {
            redisAppendCommand(bare, "GET bench");
        }
        for (int at = 0; at < width; at++) {
            take_reply();
        }
    }
    return each_us(began);
}

static void compare(int width, const char *end)
{
    double a[ROUNDS];
    double b[ROUNDS];
    ours(width);
    base(width);
    for (int i = 0; i < ROUNDS; i++) {
        a[i] = ours(width);
        b[i] = base(width);
    }
    double x = median(a);
    double y = median(b);
    printf("\"get%d_us\":%.2f,\"get%d_base_us\":%.2f,\"get%d_ratio\":%.3f%s", width, x, width, y,
           width, x / y, end);
}

static void root(void *arg)
{
    struct redis_opts opts = {.host = "127.0.0.1", .port = *(uint16_t *)arg};
    static const char value[300] = "value";
    BUG_ON(redis_client_new(co_loop_current(), &opts, &client, NULL) != ERR_OK);
    BUG_ON(redis_set(client, co_after(1000), STR("bench"), (struct str){value, sizeof value}, 60000,
                     REDIS_SET_ALWAYS, NULL, NULL) != ERR_OK);
    printf("{\"bench\":\"redis\",");
    compare(1, ",");
    compare(WIDE, "}\n");
    redis_client_free(client, co_after(1000));
}

int main(int argc, char **argv)
{
    int64_t number = 0;
    if (argc != 2 || !str_to_i64(str_c(argv[1]), &number) || number < 1 || number > UINT16_MAX) {
        fputs("usage: bench_redis PORT\n", stderr);
        return 64;
    }
    uint16_t port = (uint16_t)number;
    bare = redisConnect("127.0.0.1", port);
    if (bare == NULL || bare->err != 0) {
        fputs("bench_redis: no Redis answers there\n", stderr);
        return 75;
    }
    struct co_loop *loop = co_loop_new(NULL);
    co_loop_run(loop, "bench", root, &port);
    co_loop_free(loop);
    redisFree(bare);
    return 0;
}
