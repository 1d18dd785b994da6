/* What callers do with any provider, on top of its slots. */
#ifndef PROVIDERS_VERBS_H
#define PROVIDERS_VERBS_H

#include "providers/provider.h"

/* Free/busy of any number of calendars over any window, asked in pieces as the provider takes them
 * and joined: one answer for each calendar, in the order asked, spans sorted and disjoint. A
 * calendar is known only if every piece of it was answered; else it has the first piece's failure.
 * in: time_min < time_max.
 * owns: answers live in arena.
 * errs: of the slot: a piece that failed as a whole ends it. co: suspends. */
CO_FN MUST_CHECK enum err_code provider_free_busy(const struct provider *provider,
                                                  struct provider_session *s,
                                                  const struct provider_free_busy_req *req,
                                                  int64_t deadline, struct arena *arena,
                                                  struct provider_busy *ret_busy, struct err *err);

#endif
