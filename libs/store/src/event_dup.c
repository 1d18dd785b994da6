#include "store/page.h"

static struct str copy(struct str s, struct arena *arena)
{
    return s.len > 0 ? arena_str(arena, s) : STR("");
}

static struct calendar_moment dup_moment(struct calendar_moment m, struct arena *arena)
{
    m.zone = copy(m.zone, arena);
    return m;
}

static struct calendar_attendee dup_attendee(struct calendar_attendee a, struct arena *arena)
{
    a.address = copy(a.address, arena);
    a.name = copy(a.name, arena);
    return a;
}

struct calendar_event store_event_dup(const struct calendar_event *from, struct arena *arena)
{
    struct calendar_event e = *from;
    struct str *texts[] = {&e.id,        &e.etag,           &e.ical_uid, &e.series_id,
                           &e.title,     &e.description,    &e.location, &e.event_type,
                           &e.html_link, &e.conference_url, &e.mark};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        *texts[i] = copy(*texts[i], arena);
    }
    e.original_start = dup_moment(e.original_start, arena);
    e.start = dup_moment(e.start, arena);
    e.end = dup_moment(e.end, arena);
    e.organizer = dup_attendee(e.organizer, arena);
    struct str *lines = ARENA_ARRAY(arena, struct str, e.recurrence_count);
    for (size_t i = 0; i < e.recurrence_count; i++) {
        lines[i] = copy(from->recurrence[i], arena);
    }
    e.recurrence = lines;
    struct calendar_attendee *attendees =
        ARENA_ARRAY(arena, struct calendar_attendee, e.attendee_count);
    for (size_t i = 0; i < e.attendee_count; i++) {
        attendees[i] = dup_attendee(from->attendees[i], arena);
    }
    e.attendees = attendees;
    return e;
}
