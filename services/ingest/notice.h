/* Notices on their way to the log, committed in groups: while a record about a calendar is under
 * way, later notices about the same one wait together for the next record, and share it.
 *
 * They may not share the one that is under way: a worker can have read it, and the calendar,
 * before its delivery report comes back, so that the change which the later notice speaks of would
 * be missed although it was answered with success. */
#ifndef INGEST_NOTICE_H
#define INGEST_NOTICE_H

#include "base/map.h"
#include "base/uuid.h"
#include "runtime/co.h"

struct notice_key {
    struct uuid account;
    int64_t calendar;
};

/* One calendar's: a record under way and who waits for it and for the next one. */
struct notice_flight;

/* Sends one record; later, in a callback of the loop or before it returns, notice_done() is called
 * for it, unless this fails. */
typedef enum err_code (*notice_send_fn)(void *arg, const struct notice_key *key,
                                        struct notice_flight *flight, struct err *err);

struct notices {
    struct map flights;
    notice_send_fn send;
    void *arg;
};

void notices_init(struct notices *n, notice_send_fn send, void *arg);
/* Nobody may wait any more, and nothing be under way. */
void notices_fini(struct notices *n);

/* Waits until a record that was begun after this call is in the log. ret_shared: another notice's
 * record served. errs: as send; ERR_TIMEOUT, ERR_CANCELED (it may be written all the same). */
CO_FN MUST_CHECK enum err_code notice_record(struct notices *n, const struct notice_key *key,
                                             int64_t deadline, bool *ret_shared, struct err *err);

/* The report of a flight's record. err: why not; NULL with ERR_OK. */
void notice_done(struct notice_flight *flight, enum err_code code, const struct err *err);

#endif
