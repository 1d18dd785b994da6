/* What is kept in Redis of a connection's spans: one value a block of time. Pure.
 *
 * Key: fb:{connection}:{change counter}:{days of a block}:{number of the block}. Blocks are aligned
 * (number * days since 1970-01-01), so that different questions share them: of a week where the
 * question is about five weeks or less, of four weeks where it is longer; either way an answer
 * needs at most 15 of them a connection. Every change of a span moves the counter in its own
 * transaction, so a value never turns wrong; it is only never asked for again, and expires.
 *
 * Value: numbers as LEB128. 0x01, computed_at, count of calendars; of each, ids ascending: id,
 * count of spans; of each, disjoint and within the block: gap since the end of the one before (at
 * first: since the block's start), length * 8 + show-as. All in ms. Ids and times alone: nothing
 * personal, and no rights. */
#ifndef FREEBUSY_CACHE_H
#define FREEBUSY_CACHE_H

#include "freshness.h"

#define FB_CACHE_TTL_MS 600000
/* A larger one is not kept: 20,000 spans of a block are no person's calendar. */
#define FB_CACHE_MAX_BYTES (128 * 1024)
#define FB_BLOCKS_MAX 15

struct fb_block {
    int64_t days;
    int64_t number;
};

/* Blocks that cover a window of at most 366 days; returns how many. */
size_t fb_blocks_of(struct fb_window window, struct fb_block ret_blocks[FB_BLOCKS_MAX]);
struct fb_window fb_block_window(struct fb_block block);
struct str fb_cache_key(struct uuid connection, int64_t counter, struct fb_block block,
                        struct arena *arena);

/* Spans of one calendar in one block, disjoint. */
struct fb_busy {
    int64_t calendar;
    const struct calendar_span *spans;
    size_t span_count;
};

struct fb_cached {
    int64_t computed_at;
    struct fb_busy *calendars; /* by ascending id; one without spans is not among them */
    size_t calendar_count;
};

/* Appends to out (of maximum FB_CACHE_MAX_BYTES). errs: ERR_TOO_BIG. */
MUST_CHECK enum err_code fb_cache_encode(struct fb_window block, const struct fb_cached *value,
                                         struct buf *out, struct err *err);
/* errs: ERR_PROTO: not what fb_cache_encode gives for this block. */
MUST_CHECK enum err_code fb_cache_decode(struct fb_window block, struct str bytes,
                                         struct arena *arena, struct fb_cached *ret_value,
                                         struct err *err);

#endif
