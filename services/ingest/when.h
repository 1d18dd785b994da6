/* Points in time as clients write them. Pure. */
#ifndef INGEST_WHEN_H
#define INGEST_WHEN_H

#include "base/str.h"

/* RFC 3339 with an offset: "2026-05-01T09:00:00Z", "2026-05-01T11:00:00.250+02:00". False on
 * anything else: no leap second, years 1970..2199, fractions are cut to milliseconds.
 * units: UTC ms.  src: RFC 3339 section 5.6 */
bool when_parse(struct str text, int64_t *ret_at);

#endif
