#include "simulator/ics.h"

#include "crypto/crypto.h"
#include "simulator/google/events.h"
#include "simulator/google/series.h"
#include "simulator/google/zones.h"

#include <errno.h>
#include <libical/ical.h>
#include <stdio.h>

#define MINUTE_S 60
#define TEXT_MAX_BYTES 8192 /* what is kept of one text */

struct load {
    struct google *g;
    struct g_calendar *calendar;
    struct ics_result *result;
};

static void refuse(struct load *l, const char *reason)
{
    l->result->refused++;
    if (l->result->reason_count < ICS_REASONS) {
        l->result->reasons[l->result->reason_count++] = reason;
    }
}

/* ---- times --------------------------------------------------------------------------------- */

/* The property's zone by its name; empty: the calendar's. */
static struct str zone_of(struct load *l, icalproperty *property)
{
    icalparameter *p = icalproperty_get_first_parameter(property, ICAL_TZID_PARAMETER);
    struct str name = str_c(p != NULL ? icalparameter_get_tzid(p) : NULL);
    if (name.len == 0) {
        return STR("");
    }
    /* Some writers put a path of theirs before the name. */
    for (;;) {
        if (g_zone(name) != NULL) {
            return name;
        }
        size_t slash = str_find_char(name, '/');
        if (slash == SIZE_MAX) {
            break;
        }
        name = str_sub(name, slash + 1, SIZE_MAX);
    }
    l->result->zones++;
    return STR("");
}

static bool time_usable(struct icaltimetype t)
{
    return !icaltime_is_null_time(t) && icaltime_is_valid_time(t) && t.year >= 1 &&
           t.year <= 9999 && t.month >= 1 && t.month <= 12 && t.day >= 1 && t.day <= 31 &&
           calendar_date_valid(t.year, t.month, t.day) && t.hour >= 0 && t.hour <= 23 &&
           t.minute >= 0 && t.minute <= 59 && t.second >= 0 && t.second <= 60;
}

static json_t *side_of(struct icaltimetype t, struct str zone)
{
    char text[48];
    json_t *side = json_object();
    if (t.is_date) {
        snprintf(text, sizeof text, "%04d-%02d-%02d", t.year, t.month, t.day);
        tree_set_c(side, "date", text);
        return side;
    }
    snprintf(text, sizeof text, "%04d-%02d-%02dT%02d:%02d:%02d%s", t.year, t.month, t.day, t.hour,
             t.minute, MIN(t.second, 59), icaltime_is_utc(t) ? "Z" : "");
    tree_set_c(side, "dateTime", text);
    if (icaltime_is_utc(t)) {
        tree_set_c(side, "timeZone", "UTC");
    } else if (zone.len > 0) {
        tree_set_str(side, "timeZone", zone);
    }
    return side;
}

static struct icaltimetype plus_seconds(struct icaltimetype t, int seconds)
{
    return icaltime_add(t, icaldurationtype_from_int(seconds));
}

/* The end that the component names or implies, and its zone. */
static struct icaltimetype end_of(struct load *l, icalcomponent *event, struct icaltimetype start,
                                  struct str *zone)
{
    icalproperty *end = icalcomponent_get_first_property(event, ICAL_DTEND_PROPERTY);
    icalproperty *length = icalcomponent_get_first_property(event, ICAL_DURATION_PROPERTY);
    struct icaltimetype t = start;
    if (end != NULL) {
        t = icalproperty_get_dtend(end);
        struct str own = zone_of(l, end);
        *zone = own.len > 0 ? own : *zone;
    } else if (length != NULL) {
        t = icaltime_add(start, icalproperty_get_duration(length));
    }
    if (!time_usable(t) || t.is_date != start.is_date) {
        t = start;
    }
    /* An end before the start may still be right: in another zone. */
    int order = icaltime_compare(t, start);
    if (order == 0 || (order < 0 && (end == NULL || t.is_date))) {
        l->result->widened += start.is_date ? 0 : 1;
        t = plus_seconds(start, start.is_date ? 24 * 3600 : MINUTE_S);
    }
    return t;
}

/* ---- properties ---------------------------------------------------------------------------- */

static void set_text(json_t *body, const char *member, const char *value)
{
    struct str text = str_c(value);
    if (text.len > TEXT_MAX_BYTES) { /* not in the middle of a character */
        text.len = TEXT_MAX_BYTES;
        while (text.len > 0 && ((unsigned char)text.ptr[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }
    if (text.len > 0) {
        tree_set_str(body, member, text);
    }
}

static void add_line(json_t *lines, icalproperty *property, const char *name, struct str zone,
                     bool dates)
{
    struct buf line;
    char *value = icalproperty_get_value_as_string_r(property);
    buf_init(&line, 65536);
    buf_add_c(&line, name);
    if (dates) {
        bool date_only = value != NULL && strchr(value, 'T') == NULL;
        if (date_only) {
            buf_add_c(&line, ";VALUE=DATE");
        } else if (zone.len > 0 && value != NULL && value[strlen(value) - 1] != 'Z') {
            buf_add_c(&line, ";TZID=");
            buf_add(&line, zone);
        }
    }
    buf_add_char(&line, ':');
    buf_add_c(&line, value != NULL ? value : "");
    json_array_append_new(lines, tree_str(buf_str(&line)));
    icalmemory_free_buffer(value);
    buf_fini(&line);
}

static void add_recurrence(struct load *l, icalcomponent *event, struct str start_zone,
                           json_t *body)
{
    static const struct {
        icalproperty_kind kind;
        const char *name;
        bool dates;
    } kinds[] = {
        {ICAL_RRULE_PROPERTY, "RRULE", false},
        {ICAL_RDATE_PROPERTY, "RDATE", true},
        {ICAL_EXDATE_PROPERTY, "EXDATE", true},
    };
    json_t *lines = json_array();
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        icalproperty *p = icalcomponent_get_first_property(event, kinds[i].kind);
        for (; p != NULL; p = icalcomponent_get_next_property(event, kinds[i].kind)) {
            const char *value = icalproperty_get_parameter_as_string(p, "VALUE");
            if (value != NULL && strcmp(value, "PERIOD") == 0) {
                l->result->dropped++; /* Google has dates alone */
                continue;
            }
            struct str zone = kinds[i].dates ? zone_of(l, p) : STR("");
            add_line(lines, p, kinds[i].name, zone.len > 0 ? zone : start_zone, kinds[i].dates);
        }
    }
    if (icalcomponent_get_first_property(event, ICAL_EXRULE_PROPERTY) != NULL) {
        l->result->dropped++;
    }
    if (json_array_size(lines) > 0) {
        tree_set(body, "recurrence", lines);
    } else {
        json_decref(lines);
    }
}

static struct str address_of(const char *value)
{
    struct str text = str_c(value);
    if (text.len > 7 && str_eq_nocase(str_sub(text, 0, 7), STR("mailto:"))) {
        text = str_sub(text, 7, SIZE_MAX);
    }
    return str_find_char(text, '@') != SIZE_MAX ? text : STR("");
}

static void add_attendees(struct load *l, icalcomponent *event, json_t *body)
{
    json_t *list = json_array();
    icalproperty *p = icalcomponent_get_first_property(event, ICAL_ATTENDEE_PROPERTY);
    for (; p != NULL; p = icalcomponent_get_next_property(event, ICAL_ATTENDEE_PROPERTY)) {
        struct str address = address_of(icalproperty_get_attendee(p));
        icalparameter *answer = icalproperty_get_first_parameter(p, ICAL_PARTSTAT_PARAMETER);
        if (address.len == 0 || json_array_size(list) >= 200) {
            l->result->dropped++;
            continue;
        }
        json_t *attendee = json_object();
        tree_set_str(attendee, "email", address);
        switch (answer != NULL ? (int)icalparameter_get_partstat(answer) : 0) {
        case ICAL_PARTSTAT_ACCEPTED:
            tree_set_c(attendee, "responseStatus", "accepted");
            break;
        case ICAL_PARTSTAT_DECLINED:
            tree_set_c(attendee, "responseStatus", "declined");
            break;
        case ICAL_PARTSTAT_TENTATIVE:
            tree_set_c(attendee, "responseStatus", "tentative");
            break;
        default:
            break;
        }
        json_array_append_new(list, attendee);
    }
    if (json_array_size(list) > 0) {
        tree_set(body, "attendees", list);
    } else {
        json_decref(list);
    }
}

static void add_words(icalcomponent *event, json_t *body)
{
    icalproperty *transp = icalcomponent_get_first_property(event, ICAL_TRANSP_PROPERTY);
    icalproperty *class = icalcomponent_get_first_property(event, ICAL_CLASS_PROPERTY);
    if (transp != NULL && icalproperty_get_transp(transp) == ICAL_TRANSP_TRANSPARENT) {
        tree_set_c(body, "transparency", "transparent");
    }
    if (class != NULL && icalproperty_get_class(class) == ICAL_CLASS_PRIVATE) {
        tree_set_c(body, "visibility", "private");
    }
    switch ((int)icalcomponent_get_status(event)) {
    case ICAL_STATUS_TENTATIVE:
        tree_set_c(body, "status", "tentative");
        break;
    case ICAL_STATUS_CANCELLED:
        tree_set_c(body, "status", "cancelled");
        break;
    default:
        break;
    }
}

/* ---- events -------------------------------------------------------------------------------- */

/* The same file gives the same ids. */
static struct str id_of(struct arena *arena, const struct g_calendar *c, struct str uid)
{
    uint8_t digest[CRYPTO_SHA256_LEN];
    struct buf id;
    struct str seed = arena_strf(arena, "%s\n%.*s", c->id, STR_ARG(uid));
    crypto_sha256(seed, digest);
    buf_init(&id, 128);
    base32hex_encode(&id, (struct str){(const char *)digest, 20});
    struct str copy = arena_str(arena, buf_str(&id));
    buf_fini(&id);
    return copy;
}

static json_t *body_of(struct load *l, icalcomponent *event, struct str uid)
{
    icalproperty *start = icalcomponent_get_first_property(event, ICAL_DTSTART_PROPERTY);
    struct icaltimetype from =
        start != NULL ? icalproperty_get_dtstart(start) : icaltime_null_time();
    if (!time_usable(from)) {
        refuse(l, "no usable start");
        return NULL;
    }
    struct str zone = zone_of(l, start);
    struct str end_zone = zone;
    struct icaltimetype to = end_of(l, event, from, &end_zone);
    if (zone.len == 0 && !from.is_date && !icaltime_is_utc(from)) {
        zone = str_c(l->calendar->zone); /* floating */
    }
    json_t *body = json_object();
    tree_set_str(body, "iCalUID", uid);
    set_text(body, "summary", icalcomponent_get_summary(event));
    set_text(body, "description", icalcomponent_get_description(event));
    set_text(body, "location", icalcomponent_get_location(event));
    tree_set(body, "start", side_of(from, zone));
    tree_set(body, "end", side_of(to, end_zone.len > 0 ? end_zone : zone));
    add_words(event, body);
    add_attendees(l, event, body);
    if (icalcomponent_get_first_property(event, ICAL_RECURRENCEID_PROPERTY) == NULL) {
        add_recurrence(l, event, zone, body);
    }
    return body;
}

static void create(struct load *l, json_t *body)
{
    struct g_error error = {0};
    if (g_event_create(l->g, l->calendar, l->calendar->owner, body, &error) != NULL) {
        l->result->events++;
    } else {
        refuse(l, error.reason != NULL && strcmp(error.reason, "duplicate") == 0 ? "duplicate id"
                  : error.message != NULL                                        ? error.message
                                                                                 : "not accepted");
    }
}

static void load_plain(struct load *l, icalcomponent *event, struct arena *arena, struct str uid)
{
    json_t *body = body_of(l, event, uid);
    if (body != NULL) {
        tree_set_str(body, "id", id_of(arena, l->calendar, uid));
        create(l, body);
    }
}

static void load_exception(struct load *l, icalcomponent *event, struct arena *arena,
                           struct str uid)
{
    icalproperty *p = icalcomponent_get_first_property(event, ICAL_RECURRENCEID_PROPERTY);
    struct icaltimetype t = icalproperty_get_recurrenceid(p);
    struct g_event *master = g_event_find(l->calendar, id_of(arena, l->calendar, uid));
    struct when when;
    if (!time_usable(t)) {
        refuse(l, "no usable RECURRENCE-ID");
        return;
    }
    json_t *original = side_of(t, zone_of(l, p));
    bool read = when_read(original, l->calendar->zone, &when);
    json_decref(original);
    /* An exception without its series is an event of its own. */
    if (master == NULL || !master->recurring) {
        load_plain(l, event, arena,
                   arena_strf(arena, "%.*s/%s", STR_ARG(uid), icaltime_as_ical_string(t)));
        return;
    }
    if (!read || when.all_day != master->all_day) {
        refuse(l, "RECURRENCE-ID of another kind than its series");
        return;
    }
    json_t *body = body_of(l, event, uid);
    if (body != NULL) {
        tree_set_str(body, "id", g_instance_id(master, when.at, arena));
        tree_set_c(body, "recurringEventId", master->id);
        tree_set(body, "originalStartTime",
                 when_tree(&when, l->calendar->zone,
                           tree_get_str(json_object_get(master->body, "start"), "timeZone")));
        create(l, body);
    }
}

static void load_all(struct load *l, icalcomponent *root, bool exceptions)
{
    icalcomponent *event = icalcomponent_get_first_component(root, ICAL_VEVENT_COMPONENT);
    for (; event != NULL; event = icalcomponent_get_next_component(root, ICAL_VEVENT_COMPONENT)) {
        struct arena arena CLEANUP(arena_fini);
        arena_init(&arena);
        bool exception =
            icalcomponent_get_first_property(event, ICAL_RECURRENCEID_PROPERTY) != NULL;
        struct str uid = str_c(icalcomponent_get_uid(event));
        if (exception != exceptions) {
            continue;
        }
        if (uid.len == 0) { /* required, and left out by some */
            uid = arena_strf(&arena, "no-uid-%zu", l->result->events + l->result->refused);
        }
        if (uid.len > 1024 || !str_is_utf8(uid)) {
            refuse(l, "no usable UID");
        } else if (exception) {
            load_exception(l, event, &arena, uid);
        } else {
            load_plain(l, event, &arena, uid);
        }
    }
}

/* The library recurses into components: nesting is bounded before it sees the text. */
static bool nesting_ok(struct str text)
{
    size_t depth = 0;
    struct str line;
    while (str_split(&text, '\n', &line)) {
        line = str_trim(line);
        if (line.len > 6 && str_eq_nocase(str_sub(line, 0, 6), STR("BEGIN:"))) {
            if (++depth > ICS_MAX_DEPTH) {
                return false;
            }
        } else if (line.len > 4 && str_eq_nocase(str_sub(line, 0, 4), STR("END:")) && depth > 0) {
            depth--;
        }
    }
    return true;
}

enum err_code ics_load(struct google *g, struct g_calendar *c, struct str text,
                       struct ics_result *ret_result, struct err *err)
{
    struct arena arena CLEANUP(arena_fini);
    arena_init(&arena);
    if (text.len > ICS_MAX_BYTES) {
        return ERR_SET(err, ERR_TOO_BIG, "more than %u bytes", ICS_MAX_BYTES);
    }
    if (str_find_char(text, 0) != SIZE_MAX || !nesting_ok(text)) {
        return ERR_SET(err, ERR_PROTO, "a NUL, or components nested too deep");
    }
    icalcomponent *root = icalparser_parse_string(arena_cstr(&arena, text));
    if (root == NULL) {
        return ERR_SET(err, ERR_PROTO, "no iCalendar");
    }
    struct ics_result result = {0};
    struct load load = {g, c, &result};
    for (int exceptions = 0; exceptions < 2; exceptions++) {
        load_all(&load, root, exceptions == 1);
        /* A file of many calendars is given as one component around them. */
        icalcomponent *inner = icalcomponent_get_first_component(root, ICAL_VCALENDAR_COMPONENT);
        for (; inner != NULL;
             inner = icalcomponent_get_next_component(root, ICAL_VCALENDAR_COMPONENT)) {
            load_all(&load, inner, exceptions == 1);
        }
    }
    icalcomponent_free(root);
    *ret_result = result;
    return ERR_OK;
}

/* ---- files --------------------------------------------------------------------------------- */

static enum err_code read_file(const char *path, struct buf *text, struct err *err)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return ERR_SET(err, ERR_IO, "%s", strerror(errno));
    }
    size_t n;
    do {
        char *room = buf_reserve(text, 65536);
        if (room == NULL) {
            fclose(file);
            return ERR_SET(err, ERR_TOO_BIG, "more than %u bytes", ICS_MAX_BYTES);
        }
        n = fread(room, 1, 65536, file);
        buf_used(text, n);
    } while (n > 0);
    fclose(file);
    return ERR_OK;
}

enum err_code ics_load_file(struct google *g, struct g_user *user, const char *path,
                            struct ics_result *ret_result, struct err *err)
{
    struct buf text CLEANUP(buf_fini);
    buf_init(&text, ICS_MAX_BYTES + 65536);
    enum err_code rc = read_file(path, &text, err);
    if (rc != ERR_OK) {
        return rc;
    }
    const char *slash = strrchr(path, '/');
    struct g_calendar *c = g_calendar_add(g, user, STR(""), str_c(slash != NULL ? slash + 1 : path),
                                          str_c(user->zone));
    return ics_load(g, c, buf_str(&text), ret_result, err);
}

/* ---- admin --------------------------------------------------------------------------------- */

static struct str query(const struct admin *a, const char *name)
{
    struct str value;
    return sim_request_query(a->rq, name, &value) ? value : STR("");
}

void admin_ics(struct admin *a)
{
    struct google *g = a->sim->google;
    struct g_user *user = g_user_find(g, query(a, "account"));
    struct str id = query(a, "calendar");
    struct str summary = query(a, "summary");
    struct ics_result result;
    struct err err;
    if (user == NULL) {
        admin_fail(a, 404, "no such account");
        return;
    }
    struct g_calendar *c =
        id.len > 0 ? g_calendar_find(g, user, id)
                   : g_calendar_add(g, user, STR(""), summary.len > 0 ? summary : STR("Imported"),
                                    str_c(user->zone));
    if (c == NULL) {
        admin_fail(a, 404, "no such calendar");
        return;
    }
    if (ics_load(g, c, a->rq->body, &result, &err) != ERR_OK) {
        admin_fail(a, 400, err.text);
        return;
    }
    json_t *reasons = json_array();
    for (size_t i = 0; i < result.reason_count; i++) {
        json_array_append_new(reasons, json_string(result.reasons[i]));
    }
    admin_reply(a, 200,
                json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:o}", "calendar", c->id, "events",
                          (json_int_t)result.events, "refused", (json_int_t)result.refused,
                          "dropped", (json_int_t)result.dropped, "widened",
                          (json_int_t)result.widened, "unknown_zones", (json_int_t)result.zones,
                          "reasons", reasons));
}
