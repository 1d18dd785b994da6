#include "providers/names.h"

static const struct {
    enum provider_grant grant;
    const char *name;
} grant_names[] = {
    {PROVIDER_GRANT_READ, "read"},
    {PROVIDER_GRANT_WRITE, "write"},
    {PROVIDER_GRANT_CALENDARS, "calendars"},
    {PROVIDER_GRANT_FREE_BUSY, "free_busy"},
};

static const char *const role_names[] = {
    [PROVIDER_ROLE_NONE] = "none",     [PROVIDER_ROLE_FREE_BUSY] = "free_busy",
    [PROVIDER_ROLE_READER] = "reader", [PROVIDER_ROLE_WRITER] = "writer",
    [PROVIDER_ROLE_OWNER] = "owner",
};

const char *provider_grant_name(enum provider_grant grant)
{
    for (size_t i = 0; i < ARRAY_LEN(grant_names); i++) {
        if (grant_names[i].grant == grant) {
            return grant_names[i].name;
        }
    }
    BUG_ON(true);
}

void provider_grants_print(uint32_t grants, struct buf *out)
{
    const char *blank = "";
    for (size_t i = 0; i < ARRAY_LEN(grant_names); i++) {
        if ((grants & (uint32_t)grant_names[i].grant) != 0) {
            buf_add_c(out, blank);
            buf_add_c(out, grant_names[i].name);
            blank = " ";
        }
    }
}

uint32_t provider_grants_parse(struct str text)
{
    uint32_t grants = 0;
    struct str rest = text.ptr != NULL ? text : STR(""), part;
    while (str_split(&rest, ' ', &part)) {
        for (size_t i = 0; i < ARRAY_LEN(grant_names); i++) {
            if (str_eq_c(part, grant_names[i].name)) {
                grants |= (uint32_t)grant_names[i].grant;
            }
        }
    }
    return grants;
}

const char *provider_role_name(enum provider_role role)
{
    BUG_ON((size_t)role >= ARRAY_LEN(role_names));
    return role_names[role];
}

enum provider_role provider_role_parse(struct str text)
{
    for (size_t i = 0; i < ARRAY_LEN(role_names); i++) {
        if (str_eq_c(text, role_names[i])) {
            return (enum provider_role)i;
        }
    }
    return PROVIDER_ROLE_NONE;
}
