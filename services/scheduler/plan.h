/* What scheduling needs no server for. */
#ifndef SCHEDULER_PLAN_H
#define SCHEDULER_PLAN_H

#include "base/uuid.h"
#include "calendar/recurrence.h"

#define PLAN_HOLDS_MAX 10000 /* of one meeting: people times occurrences */
#define PLAN_PEOPLE_MAX 300
/* How far ahead slots of a series are held: as far as spans are kept. Later ones enter as the
 * window slides. */
#define PLAN_HORIZON_MS (INT64_C(13176) * 3600 * 1000)
#define PLAN_ADDRESS_HASH_LEN 32

/* Who takes part. A person is a user of the organisation, else an address. */
struct plan_person {
    bool is_user;
    struct uuid user;
    struct str address; /* normalised; empty: not known (the organiser) */
    const char *role;   /* "organizer", "required" */
};

struct plan_people {
    struct plan_person *ptr;
    size_t len;
};

struct plan_times {
    const struct calendar_occurrence *ptr; /* in order */
    size_t len;
};

/* The id that the provider is told to give the event: the same for every repetition of a request,
 * in the alphabet that Google takes (lower-case base32hex, 52 characters).
 * src: https://developers.google.com/workspace/calendar/api/v3/reference/events/insert */
struct str plan_event_id(struct uuid organization, struct uuid user, struct str key,
                         struct arena *arena);

/* Of a request as it is understood here, so that what is skipped as unknown does not count.
 * Cancelling is the same request whether or not people are told. */
MUST_CHECK enum err_code plan_request_hash(int type, const void *message, struct arena *arena,
                                           struct str *ret_hash, struct err *err);

/* Lower case, without blanks around. */
struct str plan_address(struct str address, struct arena *arena);
/* As slot_holds names a person: the user, else the hash of the address in hex. */
struct str plan_person_name(const struct plan_person *p, struct arena *arena);
struct str plan_address_hash(struct str normalised, struct arena *arena);

/* Adds a person, who is in the list once. */
void plan_add(struct plan_people *people, struct plan_person person);

/* When the meeting takes place, from its start to the horizon.
 * errs: ERR_INVALID, ERR_UNSUPPORTED, ERR_TOO_BIG: the recurrence; ERR_RANGE: its occurrences
 * overlap each other, or there is none. */
MUST_CHECK enum err_code plan_times(int64_t start_at, int64_t end_at, struct str zone,
                                    const struct str *recurrence, size_t recurrence_count,
                                    struct calendar_zones *zones, struct arena *arena,
                                    struct plan_times *ret_times, struct err *err);

/* The rows of slot_holds, person by person in their order. */
struct plan_holds {
    struct uuid *users;
    bool *no_user;
    struct str *hashes; /* ptr NULL: a user */
    int64_t *starts;
    int64_t *ends;
    size_t len;
};
struct plan_holds plan_holds(const struct plan_people *people, const struct plan_times *times,
                             struct arena *arena);

#endif
