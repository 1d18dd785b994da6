/* hiredis's replies to ours, and the server's error codes to the house's. */
#include "redis_int.h"

/* Deeper than any command's reply; hiredis 0.14 itself stops at 7. */
#define MAX_DEPTH 8

/* src: redis.io/docs, "Redis serialization protocol", errors; redis 7.0 src/server.c, shared.* */
static const struct {
    const char *word;
    enum err_code code;
    enum err_act act;
} server_errors[] = {
    {"LOADING", ERR_UNAVAILABLE, ERR_ACT_RETRY},    {"BUSY", ERR_UNAVAILABLE, ERR_ACT_RETRY},
    {"OOM", ERR_UNAVAILABLE, ERR_ACT_RETRY},        {"READONLY", ERR_UNAVAILABLE, ERR_ACT_RETRY},
    {"MASTERDOWN", ERR_UNAVAILABLE, ERR_ACT_RETRY}, {"TRYAGAIN", ERR_UNAVAILABLE, ERR_ACT_RETRY},
    {"NOREPLICAS", ERR_UNAVAILABLE, ERR_ACT_RETRY}, {"MISCONF", ERR_UNAVAILABLE, ERR_ACT_RETRY},
    {"NOAUTH", ERR_CONFIG, ERR_ACT_CONFIG},         {"WRONGPASS", ERR_CONFIG, ERR_ACT_CONFIG},
    {"NOPERM", ERR_CONFIG, ERR_ACT_CONFIG},         {"DENIED", ERR_CONFIG, ERR_ACT_CONFIG},
    {"NOSCRIPT", ERR_NOT_FOUND, ERR_ACT_NONE},
};

struct str redis_error_word(const redisReply *reply)
{
    size_t len = 0;
    while (len < reply->len && len < 32 && reply->str[len] >= 'A' && reply->str[len] <= 'Z') {
        len++;
    }
    return len > 0 ? (struct str){reply->str, len} : STR("ERR");
}

static enum err_code server_error(const redisReply *reply, struct err *err)
{
    struct str word = redis_error_word(reply);
    for (size_t i = 0; i < ARRAY_LEN(server_errors); i++) {
        if (str_eq_c(word, server_errors[i].word)) {
            return ERR_SET_ACT(err, server_errors[i].code, server_errors[i].act, "redis: %.*s",
                               STR_ARG(word));
        }
    }
    return ERR_SET(err, ERR_INVALID, "redis: %.*s", STR_ARG(word));
}

static enum err_code copy(const redisReply *from, struct arena *arena, int depth,
                          struct redis_reply *to, struct err *err)
{
    switch (from->type) {
    case REDIS_REPLY_NIL:
        to->kind = REDIS_NIL;
        return ERR_OK;
    case REDIS_REPLY_INTEGER:
        to->kind = REDIS_INTEGER;
        to->integer = from->integer;
        return ERR_OK;
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
        to->kind = REDIS_STRING;
        to->str = arena_str(arena, (struct str){from->str, from->len});
        return ERR_OK;
    case REDIS_REPLY_ERROR:
        to->kind = REDIS_ERROR;
        to->str = arena_str(arena, redis_error_word(from));
        return ERR_OK;
    case REDIS_REPLY_ARRAY:
        if (depth == MAX_DEPTH) {
            return ERR_SET(err, ERR_PROTO, "redis: a reply nested too deep");
        }
        to->kind = REDIS_ARRAY;
        to->count = from->elements;
        to->items = ARENA_ARRAY(arena, struct redis_reply, from->elements);
        for (size_t i = 0; i < from->elements; i++) {
            enum err_code rc = copy(from->element[i], arena, depth + 1, &to->items[i], err);
            if (rc != ERR_OK) {
                return rc;
            }
        }
        return ERR_OK;
    default:
        return ERR_SET(err, ERR_PROTO, "redis: a reply of type %d", from->type);
    }
}

enum err_code redis_reply_copy(const redisReply *from, struct arena *arena,
                               struct redis_reply *ret_reply, struct err *err)
{
    if (from->type == REDIS_REPLY_ERROR) {
        return server_error(from, err);
    }
    struct redis_reply reply = {0};
    enum err_code rc = copy(from, arena, 0, &reply, err);
    if (rc == ERR_OK) {
        *ret_reply = reply;
    }
    return rc;
}
