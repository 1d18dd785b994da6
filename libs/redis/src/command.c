/* Calls: a place, a connection, a reply; and the few commands that everybody uses. */
#include "redis_int.h"

#include "observe/metric.h"

/* ---- one call -------------------------------------------------------------------------------- */

static enum err_code ready_conn(struct redis_client *c, int64_t deadline,
                                struct redis_conn **ret_conn, struct err *err)
{
    while (true) {
        if (c->closing) {
            return ERR_SET(err, ERR_CLOSED, "redis: the client is closing");
        }
        if (c->state == REDIS_READY) {
            *ret_conn = c->conn;
            return ERR_OK;
        }
        if (c->state == REDIS_DOWN) {
            if (err != NULL) {
                *err = c->why;
            }
            return c->why.code;
        }
        enum err_code rc = co_signal_wait(&c->changed, deadline, err);
        if (rc != ERR_OK) {
            return rc;
        }
    }
}

/* A server that is silent, or only a replica now, is left; the name may lead to another one. */
static void leave_bad_conn(struct redis_client *c)
{
    if (c->conn != NULL && (c->conn->demoted || redis_conn_is_stalled(c->conn))) {
        redis_conn_drop(c->conn);
    }
}

static enum err_code call(struct redis_client *c, struct arena *arena, int64_t deadline,
                          struct redis_reply *ret_reply, struct err *err, size_t argc,
                          const struct str *argv)
{
    struct redis_conn *conn = NULL;
    leave_bad_conn(c);
    enum err_code rc = co_sem_acquire(&c->slots, deadline, err);
    if (rc == ERR_OK) {
        rc = ready_conn(c, deadline, &conn, err);
        if (rc == ERR_OK) {
            rc = redis_conn_call(conn, &c->slots, arena, deadline, ret_reply, err, argc, argv);
        } else {
            co_sem_release(&c->slots);
        }
    }
    if (rc != ERR_OK) {
        leave_bad_conn(c);
    }
    return rc;
}

static enum err_code call_times(struct redis_client *c, int times, struct arena *arena,
                                int64_t deadline, struct redis_reply *ret_reply, struct err *err,
                                size_t argc, const struct str *argv)
{
    int64_t began = co_clock_ns();
    enum err_code rc;

    deadline = MIN(deadline, co_after(c->opts.command_timeout_ms));
    c->refs++; /* redis_client_free may come meanwhile */
    do {
        rc = call(c, arena, deadline, ret_reply, err, argc, argv);
    } while (rc == ERR_IO && --times > 0);
    if (rc == ERR_OK) {
        metric_observe(METRIC_REDIS_SECONDS, NULL, (double)(co_clock_ns() - began) / 1e9);
    } else {
        metric_inc(METRIC_REDIS_FAILURES, err_code_name(rc));
    }
    if (c->closing) {
        co_signal_raise(&c->changed);
    }
    redis_client_unref(c);
    return rc;
}

enum err_code redis_command(struct redis_client *c, struct arena *arena, int64_t deadline,
                            struct redis_reply *ret_reply, struct err *err, size_t argc,
                            const struct str *argv)
{
    return call_times(c, 1, arena, deadline, ret_reply, err, argc, argv);
}

enum err_code redis_command_again(struct redis_client *c, struct arena *arena, int64_t deadline,
                                  struct redis_reply *ret_reply, struct err *err, size_t argc,
                                  const struct str *argv)
{
    return call_times(c, 2, arena, deadline, ret_reply, err, argc, argv);
}

/* ---- values ---------------------------------------------------------------------------------- */

static enum err_code unexpected(struct err *err, const char *command)
{
    return ERR_SET(err, ERR_PROTO, "redis: %s gave a reply of another kind", command);
}

enum err_code redis_get(struct redis_client *c, struct arena *arena, int64_t deadline,
                        struct str key, struct str *ret_value, struct err *err)
{
    struct redis_reply reply;
    enum err_code rc =
        redis_command_again(c, arena, deadline, &reply, err, 2, (struct str[]){STR("GET"), key});
    if (rc != ERR_OK) {
        return rc;
    }
    if (reply.kind != REDIS_STRING && reply.kind != REDIS_NIL) {
        return unexpected(err, "GET");
    }
    *ret_value = reply.str;
    return ERR_OK;
}

enum err_code redis_mget(struct redis_client *c, struct arena *arena, int64_t deadline,
                         size_t count, const struct str *keys, struct str *ret_values,
                         struct err *err)
{
    if (count == 0) {
        return ERR_OK;
    }
    struct redis_reply reply;
    struct str *argv = ARENA_ARRAY(arena, struct str, count + 1);
    argv[0] = STR("MGET");
    memcpy(argv + 1, keys, count * sizeof *keys);
    enum err_code rc = redis_command_again(c, arena, deadline, &reply, err, count + 1, argv);
    if (rc != ERR_OK) {
        return rc;
    }
    if (reply.kind != REDIS_ARRAY || reply.count != count) {
        return unexpected(err, "MGET");
    }
    for (size_t i = 0; i < count; i++) {
        ret_values[i] = reply.items[i].kind == REDIS_STRING ? reply.items[i].str : (struct str){0};
    }
    return ERR_OK;
}

enum err_code redis_set(struct redis_client *c, int64_t deadline, struct str key, struct str value,
                        int64_t ttl_ms, enum redis_set_mode mode, bool *ret_set, struct err *err)
{
    CLEANUP(arena_fini) struct arena arena;
    struct redis_reply reply;
    struct str argv[6] = {STR("SET"), key, value};
    size_t argc = 3;

    arena_init(&arena);
    if (ttl_ms > 0) {
        argv[argc++] = STR("PX");
        argv[argc++] = arena_strf(&arena, "%lld", (long long)ttl_ms);
    }
    if (mode == REDIS_SET_IF_ABSENT) {
        argv[argc++] = STR("NX");
    }
    enum err_code rc = redis_command(c, &arena, deadline, &reply, err, argc, argv);
    if (rc != ERR_OK) {
        return rc;
    }
    if (reply.kind != REDIS_STRING && reply.kind != REDIS_NIL) {
        return unexpected(err, "SET");
    }
    if (ret_set != NULL) {
        *ret_set = reply.kind == REDIS_STRING;
    }
    return ERR_OK;
}

enum err_code redis_del(struct redis_client *c, int64_t deadline, size_t count,
                        const struct str *keys, int64_t *ret_count, struct err *err)
{
    CLEANUP(arena_fini) struct arena arena;
    struct redis_reply reply = {.kind = REDIS_INTEGER};

    arena_init(&arena);
    if (count > 0) {
        struct str *argv = ARENA_ARRAY(&arena, struct str, count + 1);
        argv[0] = STR("DEL");
        memcpy(argv + 1, keys, count * sizeof *keys);
        enum err_code rc = redis_command(c, &arena, deadline, &reply, err, count + 1, argv);
        if (rc != ERR_OK) {
            return rc;
        }
    }
    if (reply.kind != REDIS_INTEGER) {
        return unexpected(err, "DEL");
    }
    if (ret_count != NULL) {
        *ret_count = reply.integer;
    }
    return ERR_OK;
}

/* ---- scripts --------------------------------------------------------------------------------- */

static enum err_code load(struct redis_client *c, struct arena *arena, int64_t deadline,
                          struct redis_script *script, struct err *err)
{
    struct redis_reply reply;
    enum err_code rc =
        redis_command_again(c, arena, deadline, &reply, err, 3,
                            (struct str[]){STR("SCRIPT"), STR("LOAD"), str_c(script->text)});
    if (rc != ERR_OK) {
        return rc;
    }
    if (reply.kind != REDIS_STRING || reply.str.len != sizeof script->sha - 1) {
        return unexpected(err, "SCRIPT LOAD");
    }
    memcpy(script->sha, reply.str.ptr, sizeof script->sha - 1);
    return ERR_OK;
}

enum err_code redis_eval(struct redis_client *c, struct arena *arena, int64_t deadline,
                         struct redis_script *script, size_t key_count, const struct str *keys,
                         size_t arg_count, const struct str *args, struct redis_reply *ret_reply,
                         struct err *err)
{
    size_t argc = 3 + key_count + arg_count;
    struct str *argv = ARENA_ARRAY(arena, struct str, argc);

    argv[0] = STR("EVALSHA");
    argv[2] = arena_strf(arena, "%zu", key_count);
    for (size_t i = 0; i < key_count; i++) {
        argv[3 + i] = keys[i];
    }
    for (size_t i = 0; i < arg_count; i++) {
        argv[3 + key_count + i] = args[i];
    }
    /* A server that answers NOSCRIPT has done nothing: loading and asking again is safe. */
    for (bool loaded = false;; loaded = true) {
        if (script->sha[0] == 0 || loaded) {
            enum err_code rc = load(c, arena, deadline, script, err);
            if (rc != ERR_OK) {
                return rc;
            }
        }
        argv[1] = str_c(script->sha);
        enum err_code rc = redis_command(c, arena, deadline, ret_reply, err, argc, argv);
        if (rc != ERR_NOT_FOUND || loaded) {
            return rc;
        }
    }
}
