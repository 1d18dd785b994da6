#include "simulator/google/scopes.h"

#define AUTH "https://www.googleapis.com/auth/"
#define READ G_SCOPE_EVENTS_READ
#define WRITE (G_SCOPE_EVENTS_READ | G_SCOPE_EVENTS_WRITE | G_SCOPE_EVENTS_MOVE)

/* calendar.freebusy and the calendar.calendars scopes do not stop channels. */
static const struct g_scope scopes[] = {
    {"openid", NULL, "Associate you with your personal info", G_SCOPE_OPENID},
    {AUTH "userinfo.email", "email", "See your primary email address", G_SCOPE_EMAIL},
    {AUTH "userinfo.profile", "profile", "See your personal info", G_SCOPE_PROFILE},
    {AUTH "calendar", NULL, "See, edit, share and delete all of your calendars",
     WRITE | G_SCOPE_FREE_BUSY | G_SCOPE_LIST | G_SCOPE_LIST_GET | G_SCOPE_CALENDAR |
         G_SCOPE_CALENDAR_WRITE | G_SCOPE_STOP | G_SCOPE_SETTINGS | G_SCOPE_COLORS},
    {AUTH "calendar.events", NULL, "View and edit events on all of your calendars",
     WRITE | G_SCOPE_STOP},
    {AUTH "calendar.events.owned", NULL, "See and change events on calendars that you own",
     WRITE | G_SCOPE_STOP | G_SCOPE_ONLY_OWNED},
    {AUTH "calendar.events.readonly", NULL, "View events on all of your calendars",
     READ | G_SCOPE_STOP},
    {AUTH "calendar.events.owned.readonly", NULL, "See events on calendars that you own",
     READ | G_SCOPE_STOP | G_SCOPE_ONLY_OWNED},
    {AUTH "calendar.events.public.readonly", NULL, "See events on public calendars",
     READ | G_SCOPE_STOP},
    {AUTH "calendar.events.freebusy", NULL, "See the availability on calendars that you see",
     READ | G_SCOPE_FREE_BUSY | G_SCOPE_STOP | G_SCOPE_ONLY_TIMES},
    {AUTH "calendar.freebusy", NULL, "View your availability in your calendars", G_SCOPE_FREE_BUSY},
    {AUTH "calendar.readonly", NULL, "See and download any calendar that you can access",
     READ | G_SCOPE_FREE_BUSY | G_SCOPE_LIST | G_SCOPE_LIST_GET | G_SCOPE_CALENDAR | G_SCOPE_STOP |
         G_SCOPE_SETTINGS | G_SCOPE_COLORS},
    {AUTH "calendar.calendarlist", NULL, "Change the list of calendars that you subscribe to",
     G_SCOPE_LIST | G_SCOPE_LIST_GET | G_SCOPE_STOP},
    {AUTH "calendar.calendarlist.readonly", NULL, "See the list of calendars that you subscribe to",
     G_SCOPE_LIST | G_SCOPE_LIST_GET | G_SCOPE_STOP},
    {AUTH "calendar.calendars", NULL, "See and change the properties of your calendars",
     G_SCOPE_CALENDAR | G_SCOPE_CALENDAR_WRITE},
    {AUTH "calendar.calendars.readonly", NULL, "See the properties of your calendars",
     G_SCOPE_CALENDAR},
    {AUTH "calendar.app.created", NULL, "Make secondary calendars and manage their events",
     WRITE | G_SCOPE_LIST_GET | G_SCOPE_CALENDAR | G_SCOPE_CALENDAR_WRITE | G_SCOPE_STOP |
         G_SCOPE_ONLY_OWNED},
    {AUTH "calendar.settings.readonly", NULL, "View your calendar settings",
     G_SCOPE_SETTINGS | G_SCOPE_STOP},
    {AUTH "calendar.acls", NULL, "See and change the sharing of your calendars", G_SCOPE_STOP},
    {AUTH "calendar.acls.readonly", NULL, "See the sharing of your calendars", G_SCOPE_STOP},
};

const struct g_scope *g_scope_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
        if (str_eq_c(name, scopes[i].name) ||
            (scopes[i].alias != NULL && str_eq_c(name, scopes[i].alias))) {
            return &scopes[i];
        }
    }
    return NULL;
}

uint32_t g_scopes_bits(struct str list)
{
    const uint32_t limits = G_SCOPE_ONLY_OWNED | G_SCOPE_ONLY_TIMES;
    uint32_t bits = 0;
    uint32_t limited = limits;
    struct str name;
    while (str_split(&list, ' ', &name)) {
        const struct g_scope *scope = g_scope_find(name);
        if (scope != NULL) {
            bits |= scope->bits & ~limits;
            if (scope->bits & G_SCOPE_EVENTS_READ) {
                limited &= scope->bits;
            }
        }
    }
    return bits | (bits & G_SCOPE_EVENTS_READ ? limited : 0);
}

bool g_scopes_contain(struct str list, struct str name)
{
    struct str item;
    while (str_split(&list, ' ', &item)) {
        if (str_eq(item, name)) {
            return true;
        }
    }
    return false;
}

void g_scopes_add(struct buf *list, struct str name)
{
    if (name.len == 0 || g_scopes_contain(buf_str(list), name)) {
        return;
    }
    if (list->len > 0) {
        buf_add_char(list, ' ');
    }
    buf_add(list, name);
}
