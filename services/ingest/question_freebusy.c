#include "body.h"
#include "crypto/crypto.h"
#include "messages/topics.h"
#include "question.h"

static int uuid_order(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct uuid));
}

static int str_order(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static struct str lower(struct arena *arena, struct str s)
{
    char *text = arena_cstr(arena, s);
    for (size_t i = 0; i < s.len; i++) {
        if (text[i] >= 'A' && text[i] <= 'Z') {
            text[i] = (char)(text[i] - 'A' + 'a');
        }
    }
    return (struct str){text, s.len};
}

/* The sets in order and without doubles, addresses in lower case: the same people give the same
 * bytes, whatever their order. */
static void put_in_order(struct arena *arena, struct message_uuids *users,
                         struct message_strs *addresses)
{
    struct uuid *ids = ARENA_ARRAY(arena, struct uuid, users->len);
    struct str *texts = ARENA_ARRAY(arena, struct str, addresses->len);
    size_t n = 0;

    for (size_t i = 0; i < users->len; i++) {
        ids[i] = users->ptr[i];
    }
    qsort(ids, users->len, sizeof *ids, uuid_order);
    for (size_t i = 0; i < users->len; i++) {
        if (n == 0 || !uuid_eq(ids[n - 1], ids[i])) {
            ids[n++] = ids[i];
        }
    }
    *users = (struct message_uuids){ids, n};
    for (size_t i = 0; i < addresses->len; i++) {
        texts[i] = lower(arena, addresses->ptr[i]);
    }
    qsort(texts, addresses->len, sizeof *texts, str_order);
    n = 0;
    for (size_t i = 0; i < addresses->len; i++) {
        if (n == 0 || !str_eq(texts[n - 1], texts[i])) {
            texts[n++] = texts[i];
        }
    }
    *addresses = (struct message_strs){texts, n};
}

static void set_key(const struct message_freebusy *m, uint8_t out[CRYPTO_SHA256_LEN])
{
    struct buf bytes CLEANUP(buf_fini);
    buf_init(&bytes, QUESTION_PEOPLE_MAX * 300);
    for (size_t i = 0; i < m->users.len; i++) {
        buf_add(&bytes, uuid_bytes(&m->users.ptr[i]));
    }
    for (size_t i = 0; i < m->addresses.len; i++) {
        buf_add(&bytes, m->addresses.ptr[i]);
        buf_add_char(&bytes, '\n'); /* in no address */
    }
    crypto_sha256(buf_str(&bytes), out);
}

static void read_people(struct body *b, struct message_freebusy *m)
{
    struct message_uuids users = {0};
    struct message_strs addresses = {0};

    body_uuids(b, "users", QUESTION_PEOPLE_MAX, &users);
    body_strs(b, "addresses", QUESTION_PEOPLE_MAX, 254, &addresses);
    for (size_t i = 0; i < addresses.len; i++) {
        if (!question_address_ok(addresses.ptr[i])) {
            body_fail(b, "invalid_field", "The field \"addresses\" must hold e-mail addresses.");
        }
    }
    if (users.len + addresses.len > QUESTION_PEOPLE_MAX) {
        body_fail(b, "too_many", "At most %d people can be asked about.", QUESTION_PEOPLE_MAX);
    }
    if (users.len + addresses.len == 0) {
        body_fail(b, "missing_field", "Say whom it is about, in \"users\" or \"addresses\".");
    }
    put_in_order(b->arena, &users, &addresses);
    if (users.len > 0) {
        MESSAGE_SET(freebusy, m, users, users);
    }
    if (addresses.len > 0) {
        MESSAGE_SET(freebusy, m, addresses, addresses);
    }
}

static void read_window(struct body *b, struct message_freebusy *m)
{
    if (!body_time(b, "time_min", BODY_NEEDED, &m->time_min) ||
        !body_time(b, "time_max", BODY_NEEDED, &m->time_max)) {
        return;
    }
    if (m->time_max <= m->time_min) {
        body_fail(b, "invalid_window", "The window must end after it begins.");
    } else if (m->time_max - m->time_min > QUESTION_WINDOW_MAX_MS) {
        body_fail(b, "window_too_long", "The window has at most 366 days.");
    }
}

bool question_freebusy(const struct asked *in, struct question *out, struct refusal *refusal)
{
    static const char *const names[] = {"organization_id", "users", "addresses", "time_min",
                                        "time_max"};
    struct message_freebusy m = {0};
    uint8_t key[CRYPTO_SHA256_LEN];
    struct uuid id;
    struct body b;

    if (!body_open(&b, in->body, in->arena, refusal)) {
        return false;
    }
    body_only(&b, names, ARRAY_LEN(names));
    if (body_uuid(&b, "organization_id", BODY_OPTIONAL, &id)) {
        MESSAGE_SET(freebusy, &m, organization, id);
    }
    read_people(&b, &m);
    read_window(&b, &m);
    if (!body_ok(&b)) {
        return false;
    }
    set_key(&m, key);
    return question_put(in, TOPIC_FREEBUSY, key, MESSAGE_freebusy, &m, out, refusal);
}
