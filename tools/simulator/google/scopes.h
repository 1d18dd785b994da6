/* OAuth scopes and what each allows: the matrix of Google's discovery document. */
#ifndef SIMULATOR_GOOGLE_SCOPES_H
#define SIMULATOR_GOOGLE_SCOPES_H

#include "base/buf.h"

#define G_SCOPE_EVENTS_READ (1u << 0)  /* list, get, instances, watch */
#define G_SCOPE_EVENTS_WRITE (1u << 1) /* insert, import, patch, update, delete */
#define G_SCOPE_EVENTS_MOVE (1u << 2)
#define G_SCOPE_FREE_BUSY (1u << 3)
#define G_SCOPE_LIST (1u << 4)     /* calendarList.list */
#define G_SCOPE_LIST_GET (1u << 5) /* calendarList.get */
#define G_SCOPE_CALENDAR (1u << 6) /* calendars.get */
#define G_SCOPE_CALENDAR_WRITE (1u << 7)
#define G_SCOPE_STOP (1u << 8) /* channels.stop */
#define G_SCOPE_SETTINGS (1u << 9)
#define G_SCOPE_COLORS (1u << 10)
#define G_SCOPE_OPENID (1u << 11)
#define G_SCOPE_EMAIL (1u << 12)
#define G_SCOPE_PROFILE (1u << 13)
/* Limits on what the bits above reach. */
#define G_SCOPE_ONLY_OWNED (1u << 14) /* events of owned calendars alone */
#define G_SCOPE_ONLY_TIMES (1u << 15) /* events without their details */
#define G_SCOPE_EVERYTHING 0x3fffu

struct g_scope {
    const char *name;  /* as tokens carry it */
    const char *alias; /* a short form that may be asked for; NULL: none */
    const char *title; /* on the consent page */
    uint32_t bits;
};

/* NULL if there is no such scope. */
const struct g_scope *g_scope_find(struct str name);

/* The union of a blank-separated list; unknown ones count for nothing. A limit holds only where
 * every scope that grants the same has it. */
uint32_t g_scopes_bits(struct str list);
bool g_scopes_contain(struct str list, struct str name);
/* Appends name to a blank-separated list, once. */
void g_scopes_add(struct buf *list, struct str name);

#endif
