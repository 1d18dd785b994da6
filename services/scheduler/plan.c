#include "plan.h"

#include "base/encode.h"
#include "base/hash.h"
#include "crypto/crypto.h"
#include "messages/messages.h"

#include <stdlib.h>

struct str plan_event_id(struct uuid organization, struct uuid user, struct str key,
                         struct arena *arena)
{
    uint8_t hash[CRYPTO_SHA256_LEN];
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, key.len + 256);
    buf_add(&text, uuid_bytes(&organization));
    buf_add_char(&text, '|');
    buf_add(&text, uuid_bytes(&user));
    buf_add_char(&text, '|');
    buf_add(&text, key);
    crypto_sha256(buf_str(&text), hash);
    buf_reset(&text);
    base32hex_encode(&text, (struct str){(const char *)hash, sizeof hash});
    return arena_str(arena, buf_str(&text));
}

enum err_code plan_request_hash(int type, const void *message, struct arena *arena,
                                struct str *ret_hash, struct err *err)
{
    struct buf bytes CLEANUP(buf_fini);
    struct message_schedule_cancel bare = {0};
    buf_init(&bytes, MESSAGE_MAX_BYTES);
    if (type == MESSAGE_schedule_cancel) {
        bare.meeting = ((const struct message_schedule_cancel *)message)->meeting;
        message = &bare;
    }
    enum err_code rc = message_encode(type, message, &bytes, err);
    if (rc == ERR_OK) {
        char *hash = arena_alloc(arena, CRYPTO_SHA256_LEN);
        crypto_sha256(buf_str(&bytes), (uint8_t *)hash);
        *ret_hash = (struct str){hash, CRYPTO_SHA256_LEN};
    }
    return rc;
}

struct str plan_address(struct str address, struct arena *arena)
{
    struct str trimmed = str_trim(address);
    char *text = arena_alloc(arena, trimmed.len + 1);
    for (size_t i = 0; i < trimmed.len; i++) {
        text[i] = trimmed.ptr[i];
        if (text[i] >= 'A' && text[i] <= 'Z') {
            text[i] = (char)(text[i] - 'A' + 'a');
        }
    }
    text[trimmed.len] = '\0';
    return (struct str){text, trimmed.len};
}

struct str plan_address_hash(struct str normalised, struct arena *arena)
{
    char *hash = arena_alloc(arena, PLAN_ADDRESS_HASH_LEN);
    crypto_sha256(normalised, (uint8_t *)hash);
    return (struct str){hash, PLAN_ADDRESS_HASH_LEN};
}

struct str plan_person_name(const struct plan_person *p, struct arena *arena)
{
    if (p->is_user) {
        char *text = arena_alloc(arena, UUID_TEXT_LEN + 1);
        return uuid_print(p->user, text);
    }
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, (size_t)2 * PLAN_ADDRESS_HASH_LEN);
    hex_encode(&text, plan_address_hash(p->address, arena));
    return arena_str(arena, buf_str(&text));
}

void plan_add(struct plan_people *people, struct plan_person person)
{
    for (size_t i = 0; i < people->len; i++) {
        const struct plan_person *p = &people->ptr[i];
        bool same = person.is_user ? p->is_user && uuid_eq(p->user, person.user)
                                   : !p->is_user && str_eq(p->address, person.address);
        if (same) {
            return;
        }
    }
    people->ptr[people->len++] = person;
}

/* ---- times ---------------------------------------------------------------------------------- */

static enum err_code check_apart(const struct calendar_occurrence *o, size_t n, struct err *err)
{
    if (n == 0) {
        return ERR_SET(err, ERR_RANGE, "the meeting never takes place");
    }
    for (size_t i = 1; i < n; i++) {
        if (o[i].start_at < o[i - 1].end_at) {
            return ERR_SET(err, ERR_RANGE, "occurrences of the meeting overlap each other");
        }
    }
    return ERR_OK;
}

enum err_code plan_times(int64_t start_at, int64_t end_at, struct str zone,
                         const struct str *recurrence, size_t recurrence_count,
                         struct calendar_zones *zones, struct arena *arena,
                         struct plan_times *ret_times, struct err *err)
{
    struct calendar_series series = {
        .start = {.set = true, .at = start_at, .zone = zone},
        .end = {.set = true, .at = end_at, .zone = zone},
        .lines = recurrence,
        .line_count = recurrence_count,
        .zone = calendar_zone_utc(),
        .zones = zones,
    };
    struct calendar_occurrence *list;
    size_t n = 1;
    enum err_code rc = ERR_OK;
    if (zone.len > 0) {
        rc = calendar_zone_find(zones, zone, &series.zone, err);
    }
    if (rc == ERR_OK && recurrence_count == 0) {
        list = ARENA_NEW(arena, struct calendar_occurrence);
        *list = calendar_single(&series.start, &series.end, series.zone);
    } else if (rc == ERR_OK) {
        rc = calendar_expand(&series, start_at, start_at + PLAN_HORIZON_MS, arena, &list, &n, err);
    }
    if (rc == ERR_OK) {
        rc = check_apart(list, n, err);
    }
    if (rc == ERR_OK) {
        *ret_times = (struct plan_times){list, n};
    }
    return rc;
}

/* ---- holds ---------------------------------------------------------------------------------- */

struct named {
    struct str name;
    const struct plan_person *person;
};

static int by_name(const void *a, const void *b)
{
    return str_cmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

struct plan_holds plan_holds(const struct plan_people *people, const struct plan_times *times,
                             struct arena *arena)
{
    size_t n = people->len * times->len;
    struct plan_holds h = {.users = ARENA_ARRAY(arena, struct uuid, n),
                           .no_user = ARENA_ARRAY(arena, bool, n),
                           .hashes = ARENA_ARRAY(arena, struct str, n),
                           .starts = ARENA_ARRAY(arena, int64_t, n),
                           .ends = ARENA_ARRAY(arena, int64_t, n)};
    struct named *order = ARENA_ARRAY(arena, struct named, people->len);
    for (size_t i = 0; i < people->len; i++) {
        order[i] = (struct named){plan_person_name(&people->ptr[i], arena), &people->ptr[i]};
    }
    qsort(order, people->len, sizeof *order, by_name);
    for (size_t i = 0; i < people->len; i++) {
        const struct plan_person *p = order[i].person;
        struct str hash = p->is_user ? (struct str){0} : plan_address_hash(p->address, arena);
        for (size_t k = 0; k < times->len; k++) {
            h.users[h.len] = p->user;
            h.no_user[h.len] = !p->is_user;
            h.hashes[h.len] = hash;
            h.starts[h.len] = times->ptr[k].start_at;
            h.ends[h.len++] = times->ptr[k].end_at;
        }
    }
    return h;
}
