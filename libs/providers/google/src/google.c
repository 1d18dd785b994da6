#include "google/google.h"

#include "google_int.h"

/* The span of one free/busy question is not documented; three months fail for some accounts, a
 * month works for all that were reported. */
#define FREE_BUSY_SPAN_MS (INT64_C(30) * CALENDAR_DAY_MS)
/* Google states no bound on calls at once, only 600 a minute for a user: ten a second. */
#define IN_FLIGHT_PER_ACCOUNT 10
#define CHANNEL_LIFE_MS (INT64_C(7) * CALENDAR_DAY_MS)

const struct provider provider_google = {
    .name = "google",
    .caps = PROVIDER_CAP_WATCH | PROVIDER_CAP_FREE_BUSY_OTHERS | PROVIDER_CAP_CHOSEN_ID,
    .free_busy_max = 50,
    .free_busy_span_ms = FREE_BUSY_SPAN_MS,
    .channel_life_ms = CHANNEL_LIFE_MS,
    .in_flight_per_account = IN_FLIGHT_PER_ACCOUNT,
    .consent_url = google_consent_url,
    .exchange = google_exchange,
    .refresh = google_refresh,
    .revoke = google_revoke,
    .identify = google_identify,
    .grants = google_grants,
    .list_calendars = google_list_calendars,
    .list_changes = google_list_changes,
    .get = google_get,
    .put = google_put,
    .remove = google_remove,
    .free_busy = google_free_busy,
    .watch = google_watch,
    .unwatch = google_unwatch,
};
