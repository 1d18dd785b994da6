#include "core_int.h"

#define WORD(offset) (((uint64_t)(offset) % KAFKA_WINDOW) / 64)
#define BIT(offset) (UINT64_C(1) << ((uint64_t)(offset) % 64))

static bool is_done(const struct kafka_tracker *t, int64_t offset)
{
    return (t->bits[WORD(offset)] & BIT(offset)) != 0;
}

static void set_done(struct kafka_tracker *t, int64_t offset)
{
    t->bits[WORD(offset)] |= BIT(offset);
}

void kafka_tracker_init(struct kafka_tracker *t, int64_t low)
{
    memset(t, 0, sizeof *t);
    t->low = t->next = t->restored_end = low;
}

void kafka_tracker_restore(struct kafka_tracker *t, int64_t end, const int64_t *incomplete,
                           size_t count)
{
    BUG_ON(t->low < 0 || end - t->low > KAFKA_WINDOW);
    size_t at = 0;
    for (int64_t o = t->low; o < end; o++) {
        if (at < count && incomplete[at] == o) {
            at++;
        } else {
            set_done(t, o);
        }
    }
    t->restored_end = end;
}

/* Ring positions that low leaves behind are cleared, so that they can stand for new offsets. */
static void advance(struct kafka_tracker *t)
{
    while (t->low < t->next) {
        uint64_t *word = &t->bits[WORD(t->low)];
        if (*word == UINT64_MAX && t->low % 64 == 0 && t->next - t->low >= 64) {
            *word = 0;
            t->low += 64;
        } else if (*word & BIT(t->low)) {
            *word &= ~BIT(t->low);
            t->low++;
        } else {
            break;
        }
    }
}

static enum kafka_tracked jump(struct kafka_tracker *t, int64_t offset, uint64_t *holes)
{
    if (t->low < t->next) {
        return KAFKA_TRACK_FULL;
    }
    /* Everything before is done, so the window may move over a gap of any width: retention has
     * eaten what lay between. */
    *holes += (uint64_t)(offset - t->next);
    kafka_tracker_init(t, offset);
    t->next = offset + 1;
    return KAFKA_TRACK_NEW;
}

enum kafka_tracked kafka_tracker_add(struct kafka_tracker *t, int64_t offset, uint64_t *holes)
{
    if (t->low < 0) {
        kafka_tracker_init(t, offset);
    }
    if (offset < t->low) {
        return KAFKA_TRACK_REWIND;
    }
    if (offset < t->next) {
        return KAFKA_TRACK_DONE;
    }
    if (offset - t->low >= KAFKA_WINDOW) {
        return jump(t, offset, holes);
    }
    for (int64_t o = t->next; o < offset; o++) {
        *holes += !is_done(t, o);
        set_done(t, o);
    }
    t->next = offset + 1;
    enum kafka_tracked what = is_done(t, offset) ? KAFKA_TRACK_DONE : KAFKA_TRACK_NEW;
    advance(t);
    return what;
}

void kafka_tracker_complete(struct kafka_tracker *t, int64_t offset)
{
    BUG_ON(offset < t->low || offset >= t->next || is_done(t, offset));
    set_done(t, offset);
    advance(t);
}

int64_t kafka_tracker_end(const struct kafka_tracker *t)
{
    int64_t end = MAX(t->next, t->restored_end);
    while (end > t->low && !is_done(t, end - 1)) {
        end--;
    }
    return end;
}

size_t kafka_tracker_incomplete(const struct kafka_tracker *t, int64_t end, int64_t *ret_offsets,
                                size_t max)
{
    size_t count = 0;
    for (int64_t o = t->low; o < end && count < max;) {
        uint64_t open = ~t->bits[WORD(o)] >> ((uint64_t)o % 64);
        int64_t in_word = 64 - o % 64;
        if (open == 0) {
            o += in_word;
            continue;
        }
        int64_t skip = __builtin_ctzll(open);
        if (o + skip >= end) {
            break;
        }
        ret_offsets[count++] = o + skip;
        o += skip + 1;
    }
    return count;
}
