/* Any JSON as an event: it is refused, or it is an event that keeps its promises, and what was read
 * can be written as a patch that is JSON again. */
#include "google/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct calendar_event *e)
{
    BUG_ON(e->id.len == 0);
    BUG_ON(e->series_id.len > 0 && !e->original_start.set);
    BUG_ON(e->series_id.len > 0 && e->recurrence_count > 0);
    BUG_ON(e->status != CALENDAR_CANCELLED && (!e->start.set || !e->end.set));
    BUG_ON(e->start.all_day != e->end.all_day);
    BUG_ON(!e->start.all_day && e->end.at < e->start.at);
    for (size_t i = 0; i < e->attendee_count; i++) {
        BUG_ON(e->attendees[i].address.len == 0);
    }
}

static void write_again(const struct calendar_event *e, struct arena *arena)
{
    struct provider_put_req req = {
        .event = e, .etag = STR("\"1\""), .fields = CALENDAR_FIELD_ALL, .conference = true};
    struct buf out;
    buf_init(&out, (size_t)16 << 20);
    if (google_event_write(&req, &out, NULL) == ERR_OK) {
        const struct json *again = NULL;
        BUG_ON(json_parse(arena, buf_str(&out), &again, NULL) != ERR_OK);
    }
    buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena);
    const struct json *item = NULL;
    struct calendar_event event;
    struct err err = {0};
    if (json_parse(&arena, (struct str){(const char *)data, size}, &item, NULL) == ERR_OK) {
        if (google_event_read(item, &arena, &event, &err) == ERR_OK) {
            check(&event);
            write_again(&event, &arena);
        } else {
            BUG_ON(err.act != ERR_ACT_DROP);
        }
        struct provider_busy busy;
        google_busy_read(item, &arena, &busy);
        BUG_ON(busy.code != ERR_OK && busy.span_count > 0);
    }
    arena_fini(&arena);
    return 0;
}
