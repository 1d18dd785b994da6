/* Push channels. */
#ifndef SIMULATOR_GOOGLE_WATCH_H
#define SIMULATOR_GOOGLE_WATCH_H

#include "simulator/google/call.h"

#define G_CHANNEL_LIFE_MAX_MS (604800LL * 1000)

struct g_channel {
    char *id;
    char *resource_id;
    char *resource_uri;
    char *address;
    char *token; /* NULL: none */
    struct g_user *user;
    struct g_calendar *calendar; /* NULL: the user's calendar list */
    int64_t expires_at;
    int64_t messages;  /* the number of the last one */
    bool silent;       /* says nothing any more, without a word */
    bool stopped;      /* keeps its id: it is never free again */
    struct list link;  /* g_calendar.channels */
    struct list dirty; /* google.dirty_channels */
};

void g_events_watch(struct g_call *call);
void g_list_watch(struct g_call *call);
void g_channels_stop(struct g_call *call);

/* Something in the calendar changed. */
void g_watch_touch(struct google *g, struct g_calendar *c);
/* Sends one message for each channel that has something to tell. */
void g_watch_flush(struct google *g);
/* Forgets the calendar's channels. */
void g_watch_end(struct google *g, struct g_calendar *c);
/* Forgets every channel, and their ids. */
void g_watch_reset(struct google *g);
/* A new array. */
json_t *g_watch_tree(const struct google *g);

#endif
