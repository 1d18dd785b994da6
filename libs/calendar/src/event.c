#include "calendar/event.h"

static const char *const status_names[] = {"confirmed", "tentative", "cancelled"};
static const char *const show_as_names[] = {"busy", "free", "tentative", "out_of_office",
                                            "working_elsewhere"};
static const char *const visibility_names[] = {"default", "public", "private", "confidential"};
static const char *const response_names[] = {NULL,       "none",      "organizer",
                                             "accepted", "tentative", "declined"};

const char *calendar_status_name(enum calendar_status s)
{
    return status_names[s];
}

const char *calendar_show_as_name(enum calendar_show_as s)
{
    return show_as_names[s];
}

const char *calendar_visibility_name(enum calendar_visibility v)
{
    return visibility_names[v];
}

const char *calendar_response_name(enum calendar_response r)
{
    return response_names[r];
}

static bool find_name(const char *const *names, size_t count, struct str text, size_t *ret_i)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i] != NULL && str_eq_c(text, names[i])) {
            *ret_i = i;
            return true;
        }
    }
    return false;
}

bool calendar_status_parse(struct str text, enum calendar_status *ret)
{
    size_t i;
    bool found = find_name(status_names, ARRAY_LEN(status_names), text, &i);
    if (found) {
        *ret = (enum calendar_status)i;
    }
    return found;
}

bool calendar_show_as_parse(struct str text, enum calendar_show_as *ret)
{
    size_t i;
    bool found = find_name(show_as_names, ARRAY_LEN(show_as_names), text, &i);
    if (found) {
        *ret = (enum calendar_show_as)i;
    }
    return found;
}

bool calendar_visibility_parse(struct str text, enum calendar_visibility *ret)
{
    size_t i;
    bool found = find_name(visibility_names, ARRAY_LEN(visibility_names), text, &i);
    if (found) {
        *ret = (enum calendar_visibility)i;
    }
    return found;
}

bool calendar_response_parse(struct str text, enum calendar_response *ret)
{
    size_t i;
    bool found = find_name(response_names, ARRAY_LEN(response_names), text, &i);
    if (found) {
        *ret = (enum calendar_response)i;
    }
    return found;
}
