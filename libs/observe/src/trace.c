#include "observe/trace.h"

#include "base/encode.h"

#include <stdio.h>
#include <sys/random.h>

#define FLAG_SAMPLED 0x01

static bool all_zero(const uint8_t *bytes, size_t len)
{
    uint8_t seen = 0;
    for (size_t i = 0; i < len; i++) {
        seen |= bytes[i];
    }
    return seen == 0;
}

/* All zero means "invalid" on the wire, so it is drawn again. */
static void fill_random(uint8_t *bytes, size_t len)
{
    do {
        BUG_ON(getrandom(bytes, len, 0) != (ssize_t)len);
    } while (all_zero(bytes, len));
}

struct trace trace_new(void)
{
    struct trace t = {.flags = FLAG_SAMPLED};
    fill_random(t.trace_id, sizeof t.trace_id);
    fill_random(t.span_id, sizeof t.span_id);
    return t;
}

struct trace trace_child(const struct trace *parent)
{
    struct trace t = *parent;
    fill_random(t.span_id, sizeof t.span_id);
    return t;
}

bool trace_parse(struct str text, struct trace *ret_trace)
{
    struct trace t;
    uint8_t version;

    if (text.len < TRACEPARENT_LEN) {
        return false;
    }
    for (size_t i = 0; i < TRACEPARENT_LEN; i++) {
        if (text.ptr[i] >= 'A' && text.ptr[i] <= 'F') {
            return false; /* 3.2.2: lower case only */
        }
    }
    if (text.ptr[2] != '-' || text.ptr[35] != '-' || text.ptr[52] != '-' ||
        !hex_decode(str_sub(text, 0, 2), &version, 1) ||
        !hex_decode(str_sub(text, 3, 32), t.trace_id, sizeof t.trace_id) ||
        !hex_decode(str_sub(text, 36, 16), t.span_id, sizeof t.span_id) ||
        !hex_decode(str_sub(text, 53, 2), &t.flags, 1)) {
        return false;
    }
    /* 3.2.2.1: 0xff is forbidden; 4.3: a later version may only append, after another dash. */
    if (version == 0xff || (version == 0 && text.len != TRACEPARENT_LEN) ||
        (text.len > TRACEPARENT_LEN && text.ptr[TRACEPARENT_LEN] != '-')) {
        return false;
    }
    if (all_zero(t.trace_id, sizeof t.trace_id) || all_zero(t.span_id, sizeof t.span_id)) {
        return false;
    }
    t.flags &= FLAG_SAMPLED; /* 3.2.2.5: flags that we do not know are not passed on */
    *ret_trace = t;
    return true;
}

struct str trace_print(const struct trace *t, char out[TRACEPARENT_LEN + 1])
{
    char *at = out;
    at += snprintf(at, 4, "00-");
    for (size_t i = 0; i < sizeof t->trace_id; i++) {
        at += snprintf(at, 3, "%02x", t->trace_id[i]);
    }
    *at++ = '-';
    for (size_t i = 0; i < sizeof t->span_id; i++) {
        at += snprintf(at, 3, "%02x", t->span_id[i]);
    }
    snprintf(at, 4, "-%02x", t->flags);
    return (struct str){out, TRACEPARENT_LEN};
}
