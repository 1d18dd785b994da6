#include "simulator/admin.h"

#include "simulator/admin_google.h"
#include "simulator/generate.h"
#include "simulator/ics.h"

#define SEGMENTS_MAX 16

void admin_reply(struct admin *a, int status, json_t *tree)
{
    sim_reply_text(a->rp, status, "application/json", STR(""));
    tree_dump(&a->rp->body, tree, false);
    buf_add_char(&a->rp->body, '\n');
    json_decref(tree);
}

void admin_fail(struct admin *a, int status, const char *why)
{
    admin_reply(a, status, json_pack("{s:s}", "error", why));
}

void admin_done(struct admin *a)
{
    admin_reply(a, 200, json_pack("{s:b}", "ok", 1));
}

static struct str query(const struct admin *a, const char *name)
{
    struct str value;
    return sim_request_query(a->rq, name, &value) ? value : STR("");
}

/* ---- time, faults, pushes, journal --------------------------------------------------------- */

static void get_clock(struct admin *a)
{
    admin_reply(a, 200,
                json_pack("{s:I, s:I}", "now", (json_int_t)sim_now(a->sim), "offset_ms",
                          (json_int_t)a->sim->clock.offset_ms));
}

static void set_clock(struct admin *a)
{
    struct sim_clock *clock = &a->sim->clock;
    clock->offset_ms = tree_get_i64(a->body, "offset_ms", clock->offset_ms);
    clock->offset_ms += tree_get_i64(a->body, "advance_ms", 0);
    get_clock(a);
}

static void add_fault(struct admin *a)
{
    int64_t id = faults_add(&a->sim->faults, a->body);
    if (id == 0) {
        admin_fail(a, 400, "unknown kind");
    } else {
        admin_reply(a, 200, json_pack("{s:I}", "id", (json_int_t)id));
    }
}

static void list_faults(struct admin *a)
{
    admin_reply(a, 200, faults_list(&a->sim->faults));
}

static void clear_faults(struct admin *a)
{
    faults_clear(&a->sim->faults);
    admin_done(a);
}

static void remove_fault(struct admin *a)
{
    int64_t id;
    if (str_to_i64(a->args[0], &id) && faults_remove(&a->sim->faults, id)) {
        admin_done(a);
    } else {
        admin_fail(a, 404, "no such fault");
    }
}

static void get_push(struct admin *a)
{
    admin_reply(a, 200, pushes_tree(&a->sim->pushes));
}

static void set_push(struct admin *a)
{
    push_settings_read(&a->sim->pushes.settings, a->body);
    get_push(a);
}

static void list_journal(struct admin *a)
{
    int64_t after = 0;
    int64_t limit = 1000;
    (void)str_to_i64(query(a, "after"), &after);
    (void)str_to_i64(query(a, "limit"), &limit);
    const struct journal_query q = {
        .after = after,
        .limit = limit,
        .path = query(a, "path"),
        .method = query(a, "method"),
        .account = query(a, "account"),
        .only_unknown = str_eq_c(query(a, "unknown"), "1"),
    };
    json_t *tree = json_object();
    tree_set_i64(tree, "last", a->sim->journal.last);
    tree_set(tree, "calls", journal_list(&a->sim->journal, &q));
    admin_reply(a, 200, tree);
}

static void clear_journal(struct admin *a)
{
    journal_clear(&a->sim->journal);
    admin_done(a);
}

static void reset(struct admin *a)
{
    sim_reset(a->sim);
    admin_done(a);
}

static void get_health(struct admin *a)
{
    admin_done(a);
}

/* ---- the table ----------------------------------------------------------------------------- */

static const struct admin_route routes[] = {
    {"GET", "health", get_health},
    {"POST", "reset", reset},
    {"GET", "clock", get_clock},
    {"POST", "clock", set_clock},
    {"GET", "faults", list_faults},
    {"POST", "faults", add_fault},
    {"DELETE", "faults", clear_faults},
    {"DELETE", "faults/*", remove_fault},
    {"GET", "push", get_push},
    {"POST", "push", set_push},
    {"GET", "journal", list_journal},
    {"DELETE", "journal", clear_journal},
    {"POST", "generate", admin_generate},
    {"POST", "ics", admin_ics},
};

static bool route_fits(const struct admin_route *r, const struct str *segments, size_t count,
                       struct admin *a)
{
    struct str rest = str_c(r->path);
    struct str part;
    size_t i = 0;
    a->arg_count = 0;
    for (; str_split(&rest, '/', &part); i++) {
        if (i == count) {
            return false;
        }
        if (str_eq_c(part, "*")) {
            if (a->arg_count < ARRAY_LEN(a->args)) {
                a->args[a->arg_count++] = segments[i];
            }
        } else if (!str_eq(part, segments[i])) {
            return false;
        }
    }
    return i == count;
}

static bool run(const struct admin_route *table, size_t table_count, const struct str *segments,
                size_t count, struct admin *a)
{
    for (size_t i = 0; i < table_count; i++) {
        if (str_eq_c(a->rq->method, table[i].method) && route_fits(&table[i], segments, count, a)) {
            table[i].handle(a);
            return true;
        }
    }
    return false;
}

void admin_handle(struct sim *s, const struct sim_request *rq, struct sim_reply *rp)
{
    struct admin a = {.sim = s, .rq = rq, .rp = rp};
    struct str segments[SEGMENTS_MAX];
    size_t count;
    size_t google_count;
    const struct admin_route *google = admin_google_routes(&google_count);

    if (admin_google_as(&a)) {
        return;
    }
    if (!sim_path_split(rq->path, rq->arena, segments, SEGMENTS_MAX, &count)) {
        admin_fail(&a, 400, "bad path");
        return;
    }
    /* A calendar file is no JSON; every other body is. */
    bool file = count == 2 && str_eq_c(segments[1], "ics");
    if (rq->body.len > 0 && !file) {
        a.body = tree_parse(rq->body);
        if (!json_is_object(a.body)) {
            json_decref(a.body);
            admin_fail(&a, 400, "the body is no JSON object");
            return;
        }
    }
    if (!run(routes, ARRAY_LEN(routes), segments + 1, count - 1, &a) &&
        !run(google, google_count, segments + 1, count - 1, &a)) {
        admin_fail(&a, 404, "no such admin call");
    }
    json_decref(a.body);
}
