/* Which request is meant, and times as clients write them. */
#include "route.h"
#include "when.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* cmocka wants the four above first */
#include <cmocka.h>

#define ID "11111111-2222-4333-8444-555555555555"

static void test_routes(void **state UNUSED)
{
    static const struct {
        const char *method;
        const char *path;
        enum route route;
    } cases[] = {
        {"POST", "/functions/v1/calendar-sync", ROUTE_SYNC},
        {"GET", "/functions/v1/calendar-sync", ROUTE_WRONG_METHOD},
        {"HEAD", "/openapi.json", ROUTE_WRONG_METHOD},
        {"post", "/functions/v1/calendar-sync", ROUTE_WRONG_METHOD},
        {"POST", "/functions/v1/calendar-sync/", ROUTE_UNKNOWN},
        {"POST", "/functions/v1/Calendar-Sync", ROUTE_UNKNOWN},
        {"POST", "/functions/v1/calendar-oauth-start", ROUTE_OAUTH_START},
        {"GET", "/functions/v1/calendar-oauth-callback", ROUTE_OAUTH_REDIRECT},
        {"POST", "/functions/v1/calendar-oauth-callback", ROUTE_OAUTH_EXCHANGE},
        {"POST", "/functions/v1/calendar-freebusy", ROUTE_FREEBUSY},
        {"POST", "/functions/v1/calendar-schedule", ROUTE_SCHEDULE},
        {"GET", "/functions/v1/calendar-connections", ROUTE_CONNECTIONS},
        {"DELETE", "/functions/v1/calendar-connections", ROUTE_WRONG_METHOD},
        {"GET", "/functions/v1/calendar-connections/" ID, ROUTE_CONNECTION},
        {"PATCH", "/functions/v1/calendar-connections/" ID, ROUTE_CONNECTION_PATCH},
        {"DELETE", "/functions/v1/calendar-connections/" ID, ROUTE_CONNECTION_DELETE},
        {"POST", "/functions/v1/calendar-connections/" ID, ROUTE_WRONG_METHOD},
        {"GET", "/functions/v1/calendar-connections/", ROUTE_UNKNOWN},
        {"GET", "/functions/v1/calendar-connections/x", ROUTE_UNKNOWN},
        {"GET", "/functions/v1/calendar-connections/" ID "/x", ROUTE_UNKNOWN},
        {"OPTIONS", "/functions/v1/calendar-connections/" ID, ROUTE_PREFLIGHT},
        {"OPTIONS", "*", ROUTE_UNKNOWN},
        {"GET", "/openapi.json", ROUTE_OPENAPI},
        {"GET", "/", ROUTE_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct routed r = route_find(str_c(cases[i].method), str_c(cases[i].path));
        assert_int_equal(r.route, cases[i].route);
        assert_int_equal(r.methods == NULL, cases[i].route == ROUTE_UNKNOWN);
    }
    struct routed r = route_find(STR("GET"), STR("/functions/v1/calendar-connections/" ID));
    assert_string_equal(UUID_C(r.id), ID);
    assert_string_equal(r.methods, "GET, PATCH, DELETE, OPTIONS");
}

static void test_times(void **state UNUSED)
{
    static const struct {
        const char *text;
        int64_t at;
    } good[] = {
        {"1970-01-01T00:00:00Z", 0},
        {"2024-02-29T12:00:00Z", INT64_C(1709208000000)},
        {"2026-05-01T11:00:00.250+02:00", INT64_C(1777626000250)},
        {"2026-05-01t09:00:00.123456789z", INT64_C(1777626000123)},
        {"2026-04-30T23:00:00-10:00", INT64_C(1777626000000)},
        {"2199-12-31T23:59:59Z", INT64_C(7258118399000)},
    };
    static const char *const bad[] = {
        "",
        "2026-05-01",
        "2026-05-01T09:00:00",
        "2026-05-01 09:00:00Z",
        "2026-05-01T09:00Z",
        "2026-05-01T24:00:00Z",
        "2026-05-01T09:60:00Z",
        "2026-06-30T23:59:60Z",
        "2026-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-05-00T00:00:00Z",
        "1969-12-31T23:59:59Z",
        "2200-01-01T00:00:00Z",
        "2026-05-01T09:00:00.Z",
        "2026-05-01T09:00:00+0200",
        "2026-05-01T09:00:00+24:00",
        "2026-05-01T09:00:00Zx",
        "+026-05-01T09:00:00Z",
        "2026-05-01T09:00:00.00000000000000000000000000000Z",
    };
    int64_t at = 77;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(when_parse(str_c(bad[i]), &at));
        assert_int_equal(at, 77);
    }
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(when_parse(str_c(good[i].text), &at));
        assert_int_equal(at, good[i].at);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_routes),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
