/* The engine core against a model: logs that grow, members that own partitions, a broker that keeps
 * commits. Random deliveries, completions, failures, rebalances, zombies and crashes; after each
 * step the model, which knows only the rules of engine_core.h, checks what the core did.
 *
 *   one run a key      no second run of a key is out in a process
 *   nothing lost       what a commit calls done was covered by a good run whose first read came
 *                      after the record was handed in, or (coalesced) stands behind an earlier
 *                      record that the same commit calls incomplete and that says as much
 *   order              in command mode a key's records run one after another, by offset
 *   bounded replay     what an acknowledged commit called done is never handed out again
 *   storms             the incomplete records of a key are bounded by what they can say
 *   progress           once faults end, all is committed, and each record was covered
 *
 * A failing seed is run again with fewer steps until the shortest failing prefix is known:
 *   CALFLEET_MODEL_SEED=n [CALFLEET_MODEL_STEPS=n] test_kafka_core_model    shows its steps
 *   CALFLEET_MODEL_SEEDS=n test_kafka_core_model                            more seeds */
#include "core_model.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

char key_names[KEYS_MAX][16];

uint64_t rnd(struct world *w)
{
    w->rng ^= w->rng << 13;
    w->rng ^= w->rng >> 7;
    w->rng ^= w->rng << 17;
    return w->rng;
}

int pick(struct world *w, int n)
{
    return (int)(rnd(w) % (uint64_t)n);
}

bool chance(struct world *w, int percent)
{
    return pick(w, 100) < percent;
}

void say(struct world *w, const char *fmt, ...)
{
    if (w->verbose) {
        va_list ap;
        va_start(ap, fmt);
        printf("  [%4llu] ", (unsigned long long)w->event);
        vprintf(fmt, ap);
        va_end(ap);
        printf("\n");
    }
}

void fail_with(struct world *w, const char *fmt, ...)
{
    if (w->failure[0] == '\0') {
        va_list ap;
        va_start(ap, fmt);
        vsnprintf(w->failure, sizeof w->failure, fmt, ap);
        va_end(ap);
    }
}

static void world_init(struct world *w, uint64_t seed, bool verbose)
{
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->rng = seed * UINT64_C(0x9e3779b97f4a7c15) | 1;
    w->verbose = verbose;
    for (int i = 0; i < 8; i++) {
        rnd(w);
    }
    w->coalesce = chance(w, 70);
    w->keys = 1 + pick(w, KEYS_MAX);
    w->items = 1 + pick(w, 3);
    w->reasons = 1 + pick(w, 2);
    w->storm = chance(w, 40) ? 80 : 0;
    w->now = 1000000;
    w->opts = (struct kafka_core_opts){
        .coalesce = w->coalesce,
        .max_in_flight = (size_t)(2 + pick(w, 8)),
        .interactive_slots = 1,
        .min_interval_ms = chance(w, 50) ? -1 : 1000,
        .seed = rnd(w),
    };
    for (int i = 0; i < PARTS; i++) {
        w->part[i].owner = -1;
        w->part[i].committed = -1;
    }
    for (int i = 0; i < MEMBERS; i++) {
        w->member[i].core = kafka_core_new(&w->opts);
    }
}

static void world_fini(struct world *w)
{
    for (int i = 0; i < MEMBERS; i++) {
        member_end(&w->member[i]);
    }
}

static void step(struct world *w)
{
    int m = pick(w, MEMBERS), part = pick(w, PARTS), dice = pick(w, 1000);
    if (dice < 200) {
        op_append(w, part);
    } else if (dice < 450) {
        op_deliver(w, m, part);
    } else if (dice < 570) {
        op_start(w, m);
    } else if (dice < 640) {
        op_reads(w, m, pick(w, RUNS_MAX));
    } else if (dice < 780) {
        op_finish(w, m, pick(w, RUNS_MAX));
    } else if (dice < 840) {
        op_commit(w, m, part, chance(w, 80));
    } else if (dice < 870) {
        op_due(w, m, part);
    } else if (dice < 890) {
        op_release_held(w, m, part);
    } else if (dice < 930) {
        w->now += pick(w, 3000);
        kafka_core_tick(w->member[m].core, w->now);
    } else if (dice < 965) {
        op_assign(w, m, part);
    } else if (dice < 973) {
        op_revoke(w, m);
    } else if (dice < 988) {
        op_end_revoke(w, m);
    } else if (dice < 991) {
        op_lost(w, m);
    } else if (dice < 995) {
        op_fence(w, m);
    } else {
        op_crash(w, m);
    }
}

static void quiesce(struct world *w)
{
    w->quiet = true;
    for (int m = 0; m < MEMBERS; m++) {
        bool fenced = false;
        for (int part = 0; part < PARTS; part++) {
            fenced |= w->member[m].part[part].fenced;
        }
        if (fenced) {
            op_lost(w, m);
        }
        op_end_revoke(w, m);
    }
    for (int round = 0; round < 3 * LOG_MAX && w->failure[0] == '\0'; round++) {
        for (int m = 0; m < MEMBERS; m++) {
            for (int part = 0; part < PARTS; part++) {
                op_assign(w, m, part);
                op_deliver(w, m, part);
                op_release_held(w, m, part);
                if (w->member[m].part[part].assigned) {
                    op_commit(w, m, part, true);
                }
            }
            op_start(w, m);
            for (int i = 0; i < RUNS_MAX; i++) {
                op_finish(w, m, i);
            }
            w->now += 500;
            kafka_core_tick(w->member[m].core, w->now);
        }
        if (round > LOG_MAX && model_all_committed(w)) {
            break;
        }
    }
}

static uint64_t running_seed;

/* False and a reason if the seed fails within that many steps and the quiet time after them. */
static bool model_run(uint64_t seed, int steps, bool verbose, char reason[200])
{
    static struct world w;
    running_seed = seed;
    world_init(&w, seed, verbose);
    for (int i = 0; i < steps && w.failure[0] == '\0'; i++) {
        step(&w);
    }
    if (w.failure[0] == '\0') {
        quiesce(&w);
    }
    if (w.failure[0] == '\0') {
        model_check_end(&w);
    }
    snprintf(reason, 200, "%s", w.failure);
    world_fini(&w);
    return reason[0] == '\0';
}

static void on_abort(int sig)
{
    char text[64];
    int n = snprintf(text, sizeof text, "aborted in seed %llu\n", (unsigned long long)running_seed);
    if (write(2, text, (size_t)n) < 0) {
        _exit(1);
    }
    signal(sig, SIG_DFL);
    raise(sig);
}

static int env_int(const char *name, int otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? atoi(text) : otherwise;
}

static void test_core_keeps_its_promises_under_random_faults(void **state UNUSED)
{
    int seeds = env_int("CALFLEET_MODEL_SEEDS", 1500);
    int steps = env_int("CALFLEET_MODEL_STEPS", 1200);
    int only = env_int("CALFLEET_MODEL_SEED", 0);
    char reason[200];
    signal(SIGABRT, on_abort);
    for (int i = 0; i < KEYS_MAX; i++) {
        snprintf(key_names[i], sizeof key_names[i], "key-%d", i);
    }
    if (only > 0 && !model_run((uint64_t)only, steps, true, reason)) {
        fail_msg("seed %d, %d steps: %s", only, steps, reason);
    }
    for (int seed = 1; only == 0 && seed <= seeds; seed++) {
        if (model_run((uint64_t)seed, steps, false, reason)) {
            continue;
        }
        int shortest = 0;
        while (shortest < steps && model_run((uint64_t)seed, shortest, false, reason)) {
            shortest++;
        }
        fail_msg("seed %d fails in %d steps: %s", seed, shortest, reason);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_core_keeps_its_promises_under_random_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
