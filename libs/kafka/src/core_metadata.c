#include "base/encode.h"
#include "core_int.h"

/* Base64 (librdkafka 2.0.2 cuts metadata at a NUL) of: the form (1 byte), varint of end - low, then
 *   1  for each incomplete offset but the first, which is low: varint of the gap to the one before
 *   2  a bitmap of [low, end), lowest bit first, set where incomplete
 * whichever is shorter. A form is never changed: a new one gets a new number, and who does not
 * know it replays. 1,536 offsets within 65,536 take at most 2,048 bytes as gaps. */
enum form { FORM_GAPS = 1, FORM_BITMAP = 2 };

#define RAW_MAX ((KAFKA_METADATA_MAX / 4) * 3)

static void put_varint(struct buf *out, uint64_t value)
{
    while (value >= 0x80) {
        buf_add_char(out, (char)(value | 0x80));
        value >>= 7;
    }
    buf_add_char(out, (char)value);
}

static bool take_varint(struct str *in, uint64_t *ret_value)
{
    uint64_t value = 0;
    for (size_t i = 0; i < MIN(in->len, (size_t)5); i++) {
        uint8_t byte = (uint8_t)in->ptr[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *in = str_sub(*in, i + 1, SIZE_MAX);
            *ret_value = value;
            return true;
        }
    }
    return false;
}

static void encode_gaps(int64_t span, const int64_t *incomplete, size_t count, struct buf *raw)
{
    buf_add_char(raw, FORM_GAPS);
    put_varint(raw, (uint64_t)span);
    for (size_t i = 1; i < count; i++) {
        put_varint(raw, (uint64_t)(incomplete[i] - incomplete[i - 1] - 1));
    }
}

static void encode_bitmap(int64_t low, int64_t span, const int64_t *incomplete, size_t count,
                          struct buf *raw)
{
    size_t bytes = ((size_t)span + 7) / 8;
    buf_add_char(raw, FORM_BITMAP);
    put_varint(raw, (uint64_t)span);
    char *map = buf_reserve(raw, bytes);
    if (map == NULL) {
        return;
    }
    memset(map, 0, bytes);
    for (size_t i = 0; i < count; i++) {
        uint64_t at = (uint64_t)(incomplete[i] - low);
        map[at / 8] = (char)((uint8_t)map[at / 8] | 1u << (at % 8));
    }
    buf_used(raw, bytes);
}

void kafka_metadata_encode(int64_t low, int64_t end, const int64_t *incomplete, size_t count,
                           struct buf *out)
{
    BUG_ON(count == 0 || incomplete[0] != low || end - low > KAFKA_WINDOW);
    struct buf gaps CLEANUP(buf_fini);
    struct buf bitmap CLEANUP(buf_fini);
    buf_init(&gaps, RAW_MAX);
    buf_init(&bitmap, RAW_MAX);
    encode_gaps(end - low, incomplete, count, &gaps);
    encode_bitmap(low, end - low, incomplete, count, &bitmap);
    bool short_map = !bitmap.failed && (gaps.failed || bitmap.len < gaps.len);
    base64_encode(out, buf_str(short_map ? &bitmap : &gaps));
}

static bool decode_gaps(struct str in, int64_t low, int64_t end, int64_t *ret, size_t *ret_count)
{
    size_t count = 0;
    ret[count++] = low;
    while (in.len > 0) {
        uint64_t gap;
        if (count == KAFKA_INCOMPLETE_MAX || !take_varint(&in, &gap) || gap > KAFKA_WINDOW ||
            ret[count - 1] + (int64_t)gap + 1 >= end) {
            return false;
        }
        ret[count] = ret[count - 1] + (int64_t)gap + 1;
        count++;
    }
    *ret_count = count;
    return true;
}

static bool decode_bitmap(struct str in, int64_t low, int64_t end, int64_t *ret, size_t *ret_count)
{
    size_t count = 0;
    if (in.len != ((size_t)(end - low) + 7) / 8) {
        return false;
    }
    for (size_t at = 0; at < in.len * 8; at++) {
        if (!((uint8_t)in.ptr[at / 8] >> (at % 8) & 1)) {
            continue;
        }
        if (count == KAFKA_INCOMPLETE_MAX || low + (int64_t)at >= end) {
            return false;
        }
        ret[count++] = low + (int64_t)at;
    }
    *ret_count = count;
    return count > 0 && ret[0] == low;
}

enum err_code kafka_metadata_decode(struct str text, int64_t low, int64_t *ret_end,
                                    int64_t *ret_incomplete, size_t *ret_count, struct err *err)
{
    struct buf raw CLEANUP(buf_fini);
    buf_init(&raw, RAW_MAX);
    uint64_t span;
    if (text.len > KAFKA_METADATA_MAX || !base64_decode(&raw, text) || raw.len < 2) {
        return ERR_SET(err, ERR_PROTO, "commit metadata of another form");
    }
    struct str in = str_sub(buf_str(&raw), 1, SIZE_MAX);
    if (low < 0 || !take_varint(&in, &span) || span == 0 || span > KAFKA_WINDOW) {
        return ERR_SET(err, ERR_PROTO, "commit metadata with an impossible span");
    }
    int64_t end = low + (int64_t)span;
    size_t count = 0;
    bool good = raw.ptr[0] == FORM_GAPS     ? decode_gaps(in, low, end, ret_incomplete, &count)
                : raw.ptr[0] == FORM_BITMAP ? decode_bitmap(in, low, end, ret_incomplete, &count)
                                            : false;
    if (!good) {
        return ERR_SET(err, ERR_PROTO, "commit metadata that does not decode");
    }
    *ret_end = end;
    *ret_count = count;
    return ERR_OK;
}
