/* An event as the fleet knows it: what every provider is mapped to and from.
 *
 * All text is borrowed; it lives in the arena of whoever read the event. */
#ifndef CALENDAR_EVENT_H
#define CALENDAR_EVENT_H

#include "calendar/time.h"

enum calendar_status { CALENDAR_CONFIRMED, CALENDAR_TENTATIVE, CALENDAR_CANCELLED };

/* What a provider cannot tell ("unknown", a value of tomorrow) is mapped to busy: never free. */
enum calendar_show_as {
    CALENDAR_BUSY,
    CALENDAR_FREE,
    CALENDAR_SHOW_TENTATIVE,
    CALENDAR_OUT_OF_OFFICE,
    CALENDAR_WORKING_ELSEWHERE,
};

enum calendar_visibility {
    CALENDAR_VISIBILITY_DEFAULT,
    CALENDAR_PUBLIC,
    CALENDAR_PRIVATE,
    CALENDAR_CONFIDENTIAL,
};

enum calendar_response {
    CALENDAR_RESPONSE_UNKNOWN, /* not an attendee */
    CALENDAR_NONE,             /* has not answered */
    CALENDAR_ORGANIZER,
    CALENDAR_ACCEPTED,
    CALENDAR_TENTATIVELY,
    CALENDAR_DECLINED,
};

/* The texts of the database and of our JSON: "busy", "out_of_office" ... */
const char *calendar_status_name(enum calendar_status s);
const char *calendar_show_as_name(enum calendar_show_as s);
const char *calendar_visibility_name(enum calendar_visibility v);
const char *calendar_response_name(enum calendar_response r); /* NULL: UNKNOWN */
/* The same texts back; false on anything else, and ret is untouched. */
bool calendar_status_parse(struct str text, enum calendar_status *ret);
bool calendar_show_as_parse(struct str text, enum calendar_show_as *ret);
bool calendar_visibility_parse(struct str text, enum calendar_visibility *ret);
bool calendar_response_parse(struct str text, enum calendar_response *ret);

/* A start or an end. */
struct calendar_moment {
    bool set;
    bool all_day;
    struct calendar_date date; /* all_day; an end's is exclusive */
    int64_t at;                /* not all_day: UTC ms */
    struct str zone;           /* IANA; empty: the calendar's */
};

struct calendar_attendee {
    struct str address; /* as the provider has it */
    struct str name;
    enum calendar_response response;
    bool optional;
    bool resource;
    bool self;
    bool organizer;
};

struct calendar_event {
    struct str id;   /* the provider's, unique in its calendar */
    struct str etag; /* opaque; may be empty on a tombstone */
    struct str ical_uid;
    struct str series_id; /* of an exception or cancelled occurrence: its master's id */
    struct calendar_moment original_start; /* of the same: which occurrence it is, for ever */

    enum calendar_status status;
    /* Cancelled without a series: the event is deleted. With one: this occurrence does not take
     * place. */
    struct str title;
    struct str description;
    struct str location;
    struct calendar_moment start;
    struct calendar_moment end;
    const struct str *recurrence; /* RFC 5545 lines of a master: "RRULE:..." */
    size_t recurrence_count;
    enum calendar_show_as show_as;
    enum calendar_visibility visibility;
    struct str event_type;              /* "default", "outOfOffice" ... */
    struct calendar_attendee organizer; /* address empty: none */
    const struct calendar_attendee *attendees;
    size_t attendee_count;
    bool attendees_omitted; /* the list is cut: never written back */
    enum calendar_response my_response;
    struct str conference_url;
    struct str html_link;
    int32_t sequence;   /* RFC 5545 SEQUENCE; 0: not said */
    int64_t updated_at; /* at the provider, UTC ms; 0: not said. Never compared, only shown */
    struct str mark;    /* what we left on it (provider_put_req.mark); empty: nothing */
};

/* Which fields a write sends. */
enum calendar_field {
    CALENDAR_FIELD_TITLE = 1 << 0,
    CALENDAR_FIELD_DESCRIPTION = 1 << 1,
    CALENDAR_FIELD_LOCATION = 1 << 2,
    CALENDAR_FIELD_TIME = 1 << 3, /* start and end together */
    CALENDAR_FIELD_RECURRENCE = 1 << 4,
    CALENDAR_FIELD_STATUS = 1 << 5,
    CALENDAR_FIELD_SHOW_AS = 1 << 6,
    CALENDAR_FIELD_VISIBILITY = 1 << 7,
    CALENDAR_FIELD_ATTENDEES = 1 << 8,
    CALENDAR_FIELD_ALL = (1 << 9) - 1,
};

/* What a row is. It follows from other fields, so it is not stored beside them. */
enum calendar_kind {
    CALENDAR_SINGLE,
    CALENDAR_MASTER,
    CALENDAR_EXCEPTION, /* one occurrence of a series, changed; its master may be unknown */
    CALENDAR_CANCELLED_OCCURRENCE, /* one occurrence of a series that does not take place */
    CALENDAR_DELETED,              /* a tombstone: only the id is certain */
};

static inline bool calendar_is_deleted(const struct calendar_event *e)
{
    return e->status == CALENDAR_CANCELLED && e->series_id.len == 0;
}

static inline bool calendar_is_master(const struct calendar_event *e)
{
    return e->recurrence_count > 0;
}

static inline enum calendar_kind calendar_kind(const struct calendar_event *e)
{
    bool cancelled = e->status == CALENDAR_CANCELLED;
    if (e->series_id.len > 0) {
        return cancelled ? CALENDAR_CANCELLED_OCCURRENCE : CALENDAR_EXCEPTION;
    }
    if (cancelled) {
        return CALENDAR_DELETED;
    }
    return calendar_is_master(e) ? CALENDAR_MASTER : CALENDAR_SINGLE;
}

#endif
