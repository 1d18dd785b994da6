#include "body.h"
#include "messages/topics.h"
#include "question.h"

#define TITLE_MAX 1024
#define DESCRIPTION_MAX 8192
#define LOCATION_MAX 1024
#define KEY_MAX 128
#define RECURRENCE_LINES_MAX 20

/* From the header or the body; where both are there they must agree. */
static void read_idempotency_key(struct body *b, const struct asked *in, struct str *ret_key)
{
    struct str key = in->idempotency_key;
    struct str member;

    if (body_str(b, "idempotency_key", BODY_OPTIONAL, KEY_MAX, &member)) {
        if (key.ptr != NULL && !str_eq(key, member)) {
            body_fail(b, "invalid_field", "Header and body have different idempotency keys.");
        }
        key = member;
    }
    if (key.len == 0) {
        body_fail(b, "missing_field",
                  "An idempotency key is needed, as a header or as \"idempotency_key\".");
    }
    if (key.len > KEY_MAX) {
        body_fail(b, "too_long", "The idempotency key has at most %d bytes.", KEY_MAX);
    }
    for (size_t i = 0; i < key.len; i++) {
        if (key.ptr[i] <= ' ' || key.ptr[i] >= 0x7f) {
            body_fail(b, "invalid_field",
                      "The idempotency key consists of printable ASCII without blanks.");
            break;
        }
    }
    *ret_key = key;
}

static bool zone_ok(struct str zone)
{
    bool ok = zone.len > 0 && zone.ptr[0] != '/';
    for (size_t i = 0; i < zone.len; i++) {
        char c = zone.ptr[i];
        ok = ok && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '/' || c == '+' || c == '-');
    }
    return ok;
}

static bool read_zone(struct body *b, struct str *ret_zone)
{
    if (!body_str(b, "zone", BODY_OPTIONAL, 64, ret_zone)) {
        return false;
    }
    if (!zone_ok(*ret_zone)) {
        body_fail(b, "invalid_field", "The field \"zone\" must be the name of a zone.");
    }
    return true;
}

static bool read_addresses(struct body *b, struct message_strs *ret_list)
{
    if (!body_strs(b, "attendee_addresses", QUESTION_ATTENDEES_MAX, 254, ret_list)) {
        return false;
    }
    for (size_t i = 0; i < ret_list->len; i++) {
        if (!question_address_ok(ret_list->ptr[i])) {
            body_fail(b, "invalid_field",
                      "The field \"attendee_addresses\" must hold e-mail addresses.");
        }
    }
    return true;
}

static bool read_recurrence(struct body *b, struct message_strs *ret_list)
{
    static const char *const starts[] = {"RRULE:", "EXDATE:", "EXDATE;", "RDATE:", "RDATE;"};
    if (!body_strs(b, "recurrence", RECURRENCE_LINES_MAX, 1024, ret_list)) {
        return false;
    }
    for (size_t i = 0; i < ret_list->len; i++) {
        bool known = false;
        for (size_t k = 0; k < ARRAY_LEN(starts); k++) {
            known = known || str_starts(ret_list->ptr[i], str_c(starts[k]));
        }
        if (!known || str_find_char(ret_list->ptr[i], '\n') != SIZE_MAX ||
            str_find_char(ret_list->ptr[i], '\r') != SIZE_MAX) {
            body_fail(b, "invalid_field",
                      "The field \"recurrence\" must hold RRULE, EXDATE and RDATE lines.");
        }
    }
    return true;
}

/* The fields that a creation and a change have in common, by the same names and kinds. */
#define READ_COMMON(message, b, m)                                                                 \
    do {                                                                                           \
        struct str text_;                                                                          \
        struct message_strs strs_;                                                                 \
        struct message_uuids uuids_;                                                               \
        int64_t at_;                                                                               \
        bool flag_;                                                                                \
        if (body_str((b), "description", BODY_OPTIONAL, DESCRIPTION_MAX, &text_)) {                \
            MESSAGE_SET(message, (m), description, text_);                                         \
        }                                                                                          \
        if (body_str((b), "location", BODY_OPTIONAL, LOCATION_MAX, &text_)) {                      \
            MESSAGE_SET(message, (m), location, text_);                                            \
        }                                                                                          \
        if (body_time((b), "end_at", BODY_OPTIONAL, &at_)) {                                       \
            MESSAGE_SET(message, (m), end_at, at_);                                                \
        }                                                                                          \
        if (read_zone((b), &text_)) {                                                              \
            MESSAGE_SET(message, (m), zone, text_);                                                \
        }                                                                                          \
        if (read_addresses((b), &strs_)) {                                                         \
            MESSAGE_SET(message, (m), attendee_addresses, strs_);                                  \
        }                                                                                          \
        if (body_uuids((b), "attendee_users", QUESTION_ATTENDEES_MAX, &uuids_)) {                  \
            MESSAGE_SET(message, (m), attendee_users, uuids_);                                     \
        }                                                                                          \
        if (body_bool((b), "notify_attendees", &flag_)) {                                          \
            MESSAGE_SET(message, (m), notify_attendees, flag_);                                    \
        }                                                                                          \
        if (body_bool((b), "allow_overlap", &flag_)) {                                             \
            MESSAGE_SET(message, (m), allow_overlap, flag_);                                       \
        }                                                                                          \
    } while (0)

static void check_span(struct body *b, bool both, int64_t start_at, int64_t end_at)
{
    if (both && end_at <= start_at) {
        body_fail(b, "invalid_window", "The meeting must end after it begins.");
    }
    if (both && end_at - start_at > QUESTION_WINDOW_MAX_MS) {
        body_fail(b, "window_too_long", "A meeting has at most 366 days.");
    }
}

static void create_placement(struct body *b, struct message_schedule_create *m)
{
    struct uuid id;
    int64_t number;
    if (body_uuid(b, "organization_id", BODY_OPTIONAL, &id)) {
        MESSAGE_SET(schedule_create, m, organization, id);
    }
    if (body_uuid(b, "connection_id", BODY_OPTIONAL, &id)) {
        MESSAGE_SET(schedule_create, m, connection, id);
    }
    if (body_i64(b, "calendar_id", BODY_OPTIONAL, 1, INT64_MAX, &number)) {
        MESSAGE_SET(schedule_create, m, calendar, number);
    }
}

static bool create(const struct asked *in, struct body *b, struct question *out)
{
    static const char *const names[] = {
        "action",       "organization_id", "connection_id", "calendar_id",
        "title",        "idempotency_key", "description",   "location",
        "start_at",     "end_at",          "zone",          "attendee_addresses",
        "conference",   "attendee_users",  "recurrence",    "notify_attendees",
        "allow_overlap"};
    struct message_schedule_create m = {0};
    struct message_strs lines;
    bool flag;

    body_only(b, names, ARRAY_LEN(names));
    read_idempotency_key(b, in, &m.idempotency_key);
    create_placement(b, &m);
    body_str(b, "title", BODY_NEEDED, TITLE_MAX, &m.title);
    body_time(b, "start_at", BODY_NEEDED, &m.start_at);
    READ_COMMON(schedule_create, b, &m);
    if (body_bool(b, "conference", &flag)) {
        MESSAGE_SET(schedule_create, &m, conference, flag);
    }
    if (read_recurrence(b, &lines)) {
        MESSAGE_SET(schedule_create, &m, recurrence, lines);
    }
    check_span(b, MESSAGE_HAS(schedule_create, &m, end_at), m.start_at, m.end_at);
    if (m.attendee_addresses.len + m.attendee_users.len > QUESTION_ATTENDEES_MAX) {
        body_fail(b, "too_many", "A meeting has at most %d attendees.", QUESTION_ATTENDEES_MAX);
    }
    const void *key =
        MESSAGE_HAS(schedule_create, &m, connection) ? m.connection.bytes : in->caller->user.bytes;
    return body_ok(b) &&
           question_put(in, TOPIC_SCHEDULE, key, MESSAGE_schedule_create, &m, out, b->refusal);
}

static bool change(const struct asked *in, struct body *b, struct question *out)
{
    static const char *const names[] = {
        "action",         "meeting_id",       "idempotency_key", "title", "description",
        "location",       "start_at",         "end_at",          "zone",  "attendee_addresses",
        "attendee_users", "notify_attendees", "allow_overlap"};
    struct message_schedule_change m = {0};
    struct str title;
    int64_t at;

    body_only(b, names, ARRAY_LEN(names));
    body_uuid(b, "meeting_id", BODY_NEEDED, &m.meeting);
    read_idempotency_key(b, in, &m.idempotency_key);
    if (body_str(b, "title", BODY_OPTIONAL, TITLE_MAX, &title)) {
        if (str_trim(title).len == 0) {
            body_fail(b, "invalid_field", "The field \"title\" must not be empty.");
        }
        MESSAGE_SET(schedule_change, &m, title, title);
    }
    if (body_time(b, "start_at", BODY_OPTIONAL, &at)) {
        MESSAGE_SET(schedule_change, &m, start_at, at);
    }
    READ_COMMON(schedule_change, b, &m);
    check_span(
        b, MESSAGE_HAS(schedule_change, &m, start_at) && MESSAGE_HAS(schedule_change, &m, end_at),
        m.start_at, m.end_at);
    if (m.attendee_addresses.len + m.attendee_users.len > QUESTION_ATTENDEES_MAX) {
        body_fail(b, "too_many", "A meeting has at most %d attendees.", QUESTION_ATTENDEES_MAX);
    }
    if (body_ok(b) && m.present == 0) {
        body_fail(b, "missing_field", "There is nothing to change.");
    }
    return body_ok(b) && question_put(in, TOPIC_SCHEDULE, in->caller->user.bytes,
                                      MESSAGE_schedule_change, &m, out, b->refusal);
}

/* A cancellation is the same however often it is asked for, so it takes no idempotency key. */
static bool cancel(const struct asked *in, struct body *b, struct question *out)
{
    static const char *const names[] = {"action", "meeting_id", "notify_attendees"};
    struct message_schedule_cancel m = {0};
    bool flag;

    body_only(b, names, ARRAY_LEN(names));
    body_uuid(b, "meeting_id", BODY_NEEDED, &m.meeting);
    if (body_bool(b, "notify_attendees", &flag)) {
        MESSAGE_SET(schedule_cancel, &m, notify_attendees, flag);
    }
    return body_ok(b) && question_put(in, TOPIC_SCHEDULE, in->caller->user.bytes,
                                      MESSAGE_schedule_cancel, &m, out, b->refusal);
}

bool question_schedule(const struct asked *in, struct question *out, struct refusal *refusal)
{
    struct str action = STR("");
    struct body b;

    if (!body_open(&b, in->body, in->arena, refusal) ||
        !body_str(&b, "action", BODY_NEEDED, 16, &action)) {
        return false;
    }
    if (str_eq_c(action, "create")) {
        return create(in, &b, out);
    }
    if (str_eq_c(action, "change")) {
        return change(in, &b, out);
    }
    if (str_eq_c(action, "cancel")) {
        return cancel(in, &b, out);
    }
    body_fail(&b, "invalid_field", "The field \"action\" is create, change or cancel.");
    return false;
}
