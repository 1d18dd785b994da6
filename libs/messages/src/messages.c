#include "messages/messages.h"

#include "table_int.h"

#include <msgpack.h>

/* ---- the table ------------------------------------------------------------------------------ */

#define REQ true
#define OPT false
#define MESSAGE_BEGIN(name, type, topic, meaning) static const struct field name##_fields[] = {
#define FIELD(message, field_name, field_key, field_kind, req, field_meaning)                      \
    {#field_name, field_meaning,      offsetof(struct message_##message, field_name),              \
     field_key,   FIELD_##field_kind, req},
#define MESSAGE_END(name)                                                                          \
    }                                                                                              \
    ;
#include "messages/messages.def"
#undef MESSAGE_BEGIN
#undef FIELD
#undef MESSAGE_END

#define MESSAGE_BEGIN(name, type, topic, meaning)                                                  \
    {#name,                                                                                        \
     topic,                                                                                        \
     meaning,                                                                                      \
     type,                                                                                         \
     sizeof(struct message_##name),                                                                \
     name##_fields,                                                                                \
     ARRAY_LEN(name##_fields)},
#define FIELD(message, name, key, kind, req, meaning)
#define MESSAGE_END(name)
const struct message message_table[] = {
#include "messages/messages.def"
};
#undef MESSAGE_BEGIN
#undef FIELD
#undef MESSAGE_END

#define MESSAGE_BEGIN(name, type, topic, meaning)
#define FIELD(message, name, key, kind, req, meaning)                                              \
    _Static_assert((key) >= 1 && (key) <= 63, "a key is a bit of `present`");
#define MESSAGE_END(name)
#include "messages/messages.def"
#undef MESSAGE_BEGIN
#undef FIELD
#undef MESSAGE_END

const size_t message_table_len = ARRAY_LEN(message_table);

static const struct message *find_message(int type)
{
    for (size_t i = 0; i < ARRAY_LEN(message_table); i++) {
        if (message_table[i].type == type) {
            return &message_table[i];
        }
    }
    return NULL;
}

static const struct field *find_field(const struct message *m, uint64_t key)
{
    for (size_t i = 0; i < m->field_count; i++) {
        if ((uint64_t)m->fields[i].key == key) {
            return &m->fields[i];
        }
    }
    return NULL;
}

/* `present` is the first member of every message struct. */
static uint64_t present_of(const void *message)
{
    return *(const uint64_t *)message;
}

static const struct field *field_at(int type, const void *message, const void *field)
{
    const struct message *m = find_message(type);
    BUG_ON(m == NULL);
    size_t offset = (size_t)((const char *)field - (const char *)message);
    const struct field *found = NULL;
    for (size_t i = 0; i < m->field_count; i++) {
        if (m->fields[i].offset == offset) {
            found = &m->fields[i];
        }
    }
    BUG_ON(found == NULL);
    return found;
}

bool message_has_key(int type, const void *message, const void *field)
{
    return present_of(message) >> field_at(type, message, field)->key & 1;
}

void message_mark_key(int type, void *message, const void *field)
{
    *(uint64_t *)message |= UINT64_C(1) << field_at(type, message, field)->key;
}

/* ---- encoding ------------------------------------------------------------------------------- */

static int write_to_buf(void *data, const char *bytes, size_t len)
{
    struct buf *out = data;
    buf_add(out, (struct str){bytes, len});
    return out->failed ? -1 : 0;
}

static void pack_str(msgpack_packer *pk, struct str s)
{
    msgpack_pack_str(pk, s.len);
    msgpack_pack_str_body(pk, s.ptr, s.len);
}

static void pack_bytes(msgpack_packer *pk, struct str s)
{
    msgpack_pack_bin(pk, s.len);
    msgpack_pack_bin_body(pk, s.ptr, s.len);
}

static void pack_value(msgpack_packer *pk, enum field_kind kind, const void *at)
{
    switch (kind) {
    case FIELD_U64:
        msgpack_pack_uint64(pk, *(const uint64_t *)at);
        break;
    case FIELD_I64:
        msgpack_pack_int64(pk, *(const int64_t *)at);
        break;
    case FIELD_BOOL:
        if (*(const bool *)at) {
            msgpack_pack_true(pk);
        } else {
            msgpack_pack_false(pk);
        }
        break;
    case FIELD_UUID:
        pack_bytes(pk, uuid_bytes(at));
        break;
    case FIELD_STR:
        pack_str(pk, *(const struct str *)at);
        break;
    case FIELD_BYTES:
        pack_bytes(pk, *(const struct str *)at);
        break;
    case FIELD_STRS: {
        const struct message_strs *list = at;
        msgpack_pack_array(pk, list->len);
        for (size_t i = 0; i < list->len; i++) {
            pack_str(pk, list->ptr[i]);
        }
        break;
    }
    case FIELD_I64S: {
        const struct message_i64s *list = at;
        msgpack_pack_array(pk, list->len);
        for (size_t i = 0; i < list->len; i++) {
            msgpack_pack_int64(pk, list->ptr[i]);
        }
        break;
    }
    case FIELD_UUIDS: {
        const struct message_uuids *list = at;
        msgpack_pack_array(pk, list->len);
        for (size_t i = 0; i < list->len; i++) {
            pack_bytes(pk, uuid_bytes(&list->ptr[i]));
        }
        break;
    }
    }
}

static bool is_written(const struct field *f, const void *message)
{
    return f->required || (present_of(message) >> f->key & 1);
}

enum err_code message_encode(int type, const void *message, struct buf *out, struct err *err)
{
    const struct message *m = find_message(type);
    msgpack_packer pk;
    size_t count = 0;

    BUG_ON(m == NULL);
    for (size_t i = 0; i < m->field_count; i++) {
        count += is_written(&m->fields[i], message);
    }
    msgpack_packer_init(&pk, out, write_to_buf);
    msgpack_pack_array(&pk, 3);
    msgpack_pack_int(&pk, type);
    msgpack_pack_int(&pk, MESSAGE_VERSION);
    msgpack_pack_map(&pk, count);
    for (size_t i = 0; i < m->field_count; i++) {
        const struct field *f = &m->fields[i];
        if (is_written(f, message)) {
            msgpack_pack_int(&pk, f->key);
            pack_value(&pk, f->kind, (const char *)message + f->offset);
        }
    }
    return buf_ok(out, err);
}

/* ---- decoding ------------------------------------------------------------------------------- */

static bool read_i64(const msgpack_object *o, int64_t *ret_n)
{
    if (o->type == MSGPACK_OBJECT_POSITIVE_INTEGER && o->via.u64 <= INT64_MAX) {
        *ret_n = (int64_t)o->via.u64;
        return true;
    }
    if (o->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        *ret_n = o->via.i64;
        return true;
    }
    return false;
}

static bool read_uuid(const msgpack_object *o, struct uuid *ret_id)
{
    if (o->type != MSGPACK_OBJECT_BIN || o->via.bin.size != sizeof ret_id->bytes) {
        return false;
    }
    memcpy(ret_id->bytes, o->via.bin.ptr, sizeof ret_id->bytes);
    return true;
}

static bool read_str(const msgpack_object *o, struct arena *arena, struct str *ret_s)
{
    if (o->type != MSGPACK_OBJECT_STR) {
        return false;
    }
    struct str s = {o->via.str.ptr, o->via.str.size};
    if (!str_is_utf8(s)) {
        return false;
    }
    *ret_s = arena_str(arena, s);
    return true;
}

static bool read_list(const msgpack_object *o, enum field_kind kind, struct arena *arena, void *to)
{
    if (o->type != MSGPACK_OBJECT_ARRAY) {
        return false;
    }
    size_t n = o->via.array.size;
    const msgpack_object *items = o->via.array.ptr;
    bool good = true;
    if (kind == FIELD_STRS) {
        struct str *list = ARENA_ARRAY(arena, struct str, n);
        for (size_t i = 0; i < n; i++) {
            good = good && read_str(&items[i], arena, &list[i]);
        }
        *(struct message_strs *)to = (struct message_strs){list, n};
    } else if (kind == FIELD_I64S) {
        int64_t *list = ARENA_ARRAY(arena, int64_t, n);
        for (size_t i = 0; i < n; i++) {
            good = good && read_i64(&items[i], &list[i]);
        }
        *(struct message_i64s *)to = (struct message_i64s){list, n};
    } else {
        struct uuid *list = ARENA_ARRAY(arena, struct uuid, n);
        for (size_t i = 0; i < n; i++) {
            good = good && read_uuid(&items[i], &list[i]);
        }
        *(struct message_uuids *)to = (struct message_uuids){list, n};
    }
    return good;
}

static bool read_value(const msgpack_object *o, enum field_kind kind, struct arena *arena, void *to)
{
    switch (kind) {
    case FIELD_U64:
        *(uint64_t *)to = o->via.u64;
        return o->type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    case FIELD_I64:
        return read_i64(o, to);
    case FIELD_BOOL:
        *(bool *)to = o->type == MSGPACK_OBJECT_BOOLEAN && o->via.boolean;
        return o->type == MSGPACK_OBJECT_BOOLEAN;
    case FIELD_UUID:
        return read_uuid(o, to);
    case FIELD_STR:
        return read_str(o, arena, to);
    case FIELD_BYTES:
        if (o->type != MSGPACK_OBJECT_BIN) {
            return false;
        }
        *(struct str *)to = arena_str(arena, (struct str){o->via.bin.ptr, o->via.bin.size});
        return true;
    case FIELD_STRS:
    case FIELD_I64S:
    case FIELD_UUIDS:
        return read_list(o, kind, arena, to);
    }
    return false;
}

static enum err_code read_fields(const struct message *m, const msgpack_object_map *map,
                                 struct arena *arena, void *message, struct err *err)
{
    uint64_t *present = message;
    for (size_t i = 0; i < map->size; i++) {
        const msgpack_object *key = &map->ptr[i].key;
        if (key->type != MSGPACK_OBJECT_POSITIVE_INTEGER) {
            return ERR_SET(err, ERR_PROTO, "message %s: a key is no number", m->name);
        }
        const struct field *f = find_field(m, key->via.u64);
        if (f == NULL) {
            continue; /* of a later version */
        }
        if (!read_value(&map->ptr[i].val, f->kind, arena, (char *)message + f->offset)) {
            return ERR_SET(err, ERR_PROTO, "message %s: field %s is of another kind", m->name,
                           f->name);
        }
        *present |= UINT64_C(1) << f->key;
    }
    for (size_t i = 0; i < m->field_count; i++) {
        const struct field *f = &m->fields[i];
        if (f->required && !(*present >> f->key & 1)) {
            return ERR_SET(err, ERR_PROTO, "message %s: field %s is missing", m->name, f->name);
        }
    }
    return ERR_OK;
}

static bool is_message(const msgpack_object *o)
{
    return o->type == MSGPACK_OBJECT_ARRAY && o->via.array.size >= 3 &&
           o->via.array.ptr[0].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
           o->via.array.ptr[0].via.u64 <= INT16_MAX &&
           o->via.array.ptr[1].type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
           o->via.array.ptr[2].type == MSGPACK_OBJECT_MAP;
}

/* The unpacked message, to be destroyed by the caller if ERR_OK. */
static enum err_code unpack(struct str bytes, msgpack_unpacked *ret, struct err *err)
{
    msgpack_unpacked_init(ret);
    if (message_bounds_ok(bytes) &&
        msgpack_unpack_next(ret, bytes.ptr, bytes.len, NULL) == MSGPACK_UNPACK_SUCCESS &&
        is_message(&ret->data)) {
        return ERR_OK;
    }
    msgpack_unpacked_destroy(ret);
    return ERR_SET(err, ERR_PROTO, "not a message");
}

enum err_code message_type(struct str bytes, int *ret_type, struct err *err)
{
    msgpack_unpacked unpacked;
    enum err_code rc = unpack(bytes, &unpacked, err);
    if (rc == ERR_OK) {
        *ret_type = (int)unpacked.data.via.array.ptr[0].via.u64;
        msgpack_unpacked_destroy(&unpacked);
    }
    return rc;
}

enum err_code message_decode(int type, struct str bytes, struct arena *arena, void *ret_message,
                             struct err *err)
{
    const struct message *m = find_message(type);
    msgpack_unpacked unpacked;

    BUG_ON(m == NULL);
    enum err_code rc = unpack(bytes, &unpacked, err);
    if (rc != ERR_OK) {
        return rc;
    }
    const msgpack_object *parts = unpacked.data.via.array.ptr;
    if (parts[0].via.u64 != (uint64_t)type) {
        rc = ERR_SET(err, ERR_PROTO, "message of type %d where %s is due", (int)parts[0].via.u64,
                     m->name);
    } else {
        void *message = arena_zalloc(arena, m->size);
        rc = read_fields(m, &parts[2].via.map, arena, message, err);
        if (rc == ERR_OK) {
            memcpy(ret_message, message, m->size);
        }
    }
    msgpack_unpacked_destroy(&unpacked);
    return rc;
}
