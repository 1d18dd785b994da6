#include "base/encode.h"

static const char base64_std[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char base64_url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char base32_hex[] = "0123456789abcdefghijklmnopqrstuv";

void hex_encode(struct buf *out, struct str bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.len; i++) {
        unsigned char c = (unsigned char)bytes.ptr[i];
        buf_add(out, (struct str){(const char[]){digits[c >> 4], digits[c & 15]}, 2});
    }
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool hex_decode(struct str text, uint8_t *out, size_t len)
{
    if (text.len != len * 2) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        int high = hex_value(text.ptr[2 * i]);
        int low = hex_value(text.ptr[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high * 16 + low);
    }
    return true;
}

/* Groups of bits from high to low: bits is 6 for base64, 5 for base32. */
static void encode_bits(struct buf *out, struct str bytes, const char *alphabet, unsigned bits)
{
    uint32_t acc = 0;
    unsigned have = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        acc = (acc << 8) | (unsigned char)bytes.ptr[i];
        have += 8;
        while (have >= bits) {
            have -= bits;
            buf_add_char(out, alphabet[(acc >> have) & ((1U << bits) - 1)]);
        }
    }
    if (have > 0) {
        buf_add_char(out, alphabet[(acc << (bits - have)) & ((1U << bits) - 1)]);
    }
}

void base64url_encode(struct buf *out, struct str bytes)
{
    encode_bits(out, bytes, base64_url, 6);
}

void base64_encode(struct buf *out, struct str bytes)
{
    encode_bits(out, bytes, base64_std, 6);
    for (size_t n = bytes.len % 3; n != 0 && n < 3; n++) {
        buf_add_char(out, '=');
    }
}

void base32hex_encode(struct buf *out, struct str bytes)
{
    encode_bits(out, bytes, base32_hex, 5);
}

static bool decode64(struct buf *out, struct str text, const char *alphabet)
{
    uint32_t acc = 0;
    unsigned have = 0;
    for (size_t i = 0; i < text.len; i++) {
        const char *at = text.ptr[i] != '\0' ? strchr(alphabet, text.ptr[i]) : NULL;
        if (at == NULL) {
            return false;
        }
        acc = (acc << 6) | (uint32_t)(at - alphabet);
        have += 6;
        if (have >= 8) {
            have -= 8;
            buf_add_char(out, (char)((acc >> have) & 0xff));
        }
    }
    return text.len % 4 != 1 && (acc & ((1U << have) - 1)) == 0;
}

static struct str without_padding(struct str text)
{
    for (int i = 0; i < 2 && text.len > 0 && text.ptr[text.len - 1] == '='; i++) {
        text.len--;
    }
    return text;
}

bool base64url_decode(struct buf *out, struct str text)
{
    struct str bare = without_padding(text);
    return (bare.len == text.len || text.len % 4 == 0) && decode64(out, bare, base64_url);
}

bool base64_decode(struct buf *out, struct str text)
{
    return text.len % 4 == 0 && decode64(out, without_padding(text), base64_std);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void percent_encode(struct buf *out, struct str text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (is_unreserved(text.ptr[i])) {
            buf_add_char(out, text.ptr[i]);
        } else {
            buf_add_f(out, "%%%02X", (unsigned)(unsigned char)text.ptr[i]);
        }
    }
}

bool percent_decode(struct buf *out, struct str text, bool plus_is_blank)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c == '%') {
            uint8_t byte = 0;
            if (!hex_decode(str_sub(text, i + 1, 2), &byte, 1) || byte == 0) {
                return false;
            }
            c = (char)byte;
            i += 2;
        } else if (c == '+' && plus_is_blank) {
            c = ' ';
        }
        buf_add_char(out, c);
    }
    return true;
}

bool form_find(struct str form, const char *name, struct arena *arena, struct str *ret_value)
{
    struct str rest = form.len > 0 ? form : STR("");
    struct str pair;
    while (str_split(&rest, '&', &pair)) {
        size_t eq = str_find_char(pair, '=');
        struct str key = str_sub(pair, 0, eq);
        if (!str_eq_c(key, name)) {
            continue;
        }
        struct str raw = eq == SIZE_MAX ? STR("") : str_sub(pair, eq + 1, SIZE_MAX);
        struct buf decoded CLEANUP(buf_fini);
        buf_init(&decoded, raw.len);
        if (!percent_decode(&decoded, raw, true)) {
            return false;
        }
        *ret_value = arena_str(arena, buf_str(&decoded));
        return true;
    }
    return false;
}

void form_add(struct buf *out, const char *name, struct str value)
{
    if (out->len > 0) {
        buf_add_char(out, '&');
    }
    buf_add_c(out, name);
    buf_add_char(out, '=');
    percent_encode(out, value);
}
