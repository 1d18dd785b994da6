/* A simulator of its own for each program, and Google's verbs against it. */
#ifndef TESTS_GOOGLE_WORLD_H
#define TESTS_GOOGLE_WORLD_H

#include "google/google.h"
#include "json/json.h"

#include <setjmp.h>
#include <stdarg.h>
/* cmocka wants the two above first */
#include <cmocka.h>

#define ANA "ana@example.com"

struct world {
    struct arena arena;
    struct provider_link link;
    struct provider_client client;
    struct provider_session session;
    struct str token;       /* what the session is given next */
    size_t token_asked;     /* times */
    size_t budget_cost;     /* sum of what was asked of the budget */
    size_t throttled;       /* times it was told */
    int32_t throttled_ms;   /* what it was told last */
    enum err_code token_rc; /* not ERR_OK: what asking for a token gives */
};

/* For cmocka_run_group_tests. */
int world_start(void **state);
int world_stop(void **state);

/* Runs body in a loop with a fresh client and a session of ana's; the simulator's state is as the
 * test before left it, without faults. */
void world_run(void (*body)(struct world *w));

/* An admin call; its answer. */
const struct json *world_admin(struct world *w, const char *method, const char *path,
                               const char *body);
/* A new access token of ana's with these scopes (NULL: all). */
struct str world_token(struct world *w, const char *scope);
/* Goes to a consent page that accepts at once; the redirect's query. */
struct str world_consent(struct world *w, struct str url);

/* "in ten seconds" */
int64_t world_deadline(void);

#endif
