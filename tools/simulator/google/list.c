#include "simulator/google/list.h"

#include "simulator/google/list_query.h"
#include "simulator/google/opaque.h"
#include "simulator/google/series.h"
#include "simulator/google/view.h"

/* How far an endless series is expanded with singleEvents, beyond today. */
#define HORIZON_MS (5LL * 366 * 24 * 3600 * 1000)

/* One row of the answer: an event as it is stored, or an occurrence of a series. */
struct row {
    struct g_event *event;
    bool of_series;
    struct g_occurrence occurrence;
    int64_t key; /* for sorted answers */
};

typedef bool (*row_fn)(void *arg, const struct row *row);

/* ---- which events -------------------------------------------------------------------------- */

static bool has_property(const json_t *properties, struct str pair)
{
    size_t eq = str_find_char(pair, '=');
    char name[64];
    struct str key = str_sub(pair, 0, eq);
    if (eq == SIZE_MAX || key.len >= sizeof name) {
        return false;
    }
    memcpy(name, key.ptr, key.len);
    name[key.len] = 0;
    return str_eq(tree_get_str(properties, name), str_sub(pair, eq + 1, SIZE_MAX));
}

static bool mentions(const json_t *body, struct str text)
{
    static const char *const places[] = {"summary", "description", "location"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        if (str_find(tree_get_str(body, places[i]), text) != SIZE_MAX) {
            return true;
        }
    }
    return false;
}

static bool passes_filters(const struct g_list_query *q, const struct g_event *e)
{
    const json_t *properties = json_object_get(e->body, "extendedProperties");
    struct str type = tree_get_str(e->body, "eventType");
    bool typed = q->type_count == 0;
    for (size_t i = 0; i < q->type_count && !typed; i++) {
        typed = str_eq(type, q->types[i]);
    }
    if (!typed || (q->text.len > 0 && !mentions(e->body, q->text)) ||
        (q->uid.len > 0 && !str_eq(tree_get_str(e->body, "iCalUID"), q->uid)) ||
        (q->since_update && e->updated_at < q->updated_min)) {
        return false;
    }
    for (size_t i = 0; i < q->private_count; i++) {
        if (!has_property(json_object_get(properties, "private"), q->private_properties[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < q->shared_count; i++) {
        if (!has_property(json_object_get(properties, "shared"), q->shared_properties[i])) {
            return false;
        }
    }
    return true;
}

static bool in_window(const struct g_list_query *q, int64_t start_at, int64_t end_at)
{
    return end_at > q->time_min && start_at < q->time_max;
}

static bool found_one(void *arg, const struct g_occurrence *o)
{
    (void)o;
    *(bool *)arg = true;
    return false;
}

/* A series is in the window if any of its occurrences is. */
static bool event_in_window(const struct g_list_query *q, const struct g_event *e)
{
    if (q->time_min == INT64_MIN && q->time_max == INT64_MAX) {
        return true;
    }
    if (!e->recurring) {
        return in_window(q, e->start_at, e->end_at);
    }
    bool found = false;
    int64_t to =
        q->time_max != INT64_MAX ? q->time_max : MAX(q->time_min, e->start_at) + HORIZON_MS;
    g_series_each(e, q->time_min, to, found_one, &found);
    return found;
}

static bool cancelled_shown(const struct g_list_query *q)
{
    return q->deleted || q->incremental || q->since_update;
}

/* ---- rows of one event --------------------------------------------------------------------- */

struct expansion {
    const struct g_list_query *q;
    struct g_event *master;
    row_fn fn;
    void *arg;
    bool more;
};

static bool expand_one(void *arg, const struct g_occurrence *o)
{
    struct expansion *x = arg;
    if (g_series_exception(x->master, o->at) == NULL) {
        x->more = x->fn(
            x->arg,
            &(struct row){.event = x->master, .of_series = true, .occurrence = *o, .key = o->at});
    }
    return x->more;
}

static bool expand(const struct g_list_query *q, struct g_event *master, row_fn fn, void *arg)
{
    struct expansion x = {q, master, fn, arg, true};
    int64_t to = q->time_max != INT64_MAX
                     ? q->time_max
                     : MAX(MAX(q->time_min, master->start_at), master->updated_at) + HORIZON_MS;
    g_series_each(master, q->time_min, to, expand_one, &x);
    return x.more;
}

/* False ends the walk. */
static bool event_rows(const struct g_list_query *q, struct g_event *e, row_fn fn, void *arg)
{
    bool exception_of_live =
        e->cancelled && e->original_at != 0 && (e->master == NULL || !e->master->cancelled);
    if (!passes_filters(q, e)) {
        return true;
    }
    if (q->single && e->recurring) {
        return !e->cancelled || cancelled_shown(q) ? expand(q, e, fn, arg) : true;
    }
    if (e->cancelled && !cancelled_shown(q) && (q->single || !exception_of_live)) {
        return true;
    }
    if (!event_in_window(q, e)) {
        return true;
    }
    return fn(arg, &(struct row){.event = e,
                                 .key = q->order == G_ORDER_UPDATED ? e->updated_at : e->start_at});
}

/* ---- the answer ---------------------------------------------------------------------------- */

struct answer {
    struct g_call *call;
    const struct g_list_query *q;
    size_t limit;
    size_t count;
    struct buf text;   /* the rows, where they are put together as text */
    json_t *items;     /* else */
    uint64_t at_seq;   /* of the event whose rows come */
    uint64_t at_index; /* how many of them came */
    bool full;
};

static void answer_init(struct answer *a, struct g_call *call, const struct g_list_query *q)
{
    *a = (struct answer){.call = call, .q = q, .limit = q->max_results};
    buf_init(&a->text, SIM_REPLY_MAX_BYTES);
    if (call->pretty || g_query(call, "fields").len > 0) {
        a->items = json_array();
    }
    int64_t page = ++call->g->pages;
    if (call->g->modes.page_empty > 0 && page % call->g->modes.page_empty == 0) {
        a->limit = 0;
    } else if (call->g->modes.page_short > 0 && page % call->g->modes.page_short == 0) {
        a->limit = MAX(a->limit / 2, (size_t)1);
    }
}

static void add_tree(struct answer *a, json_t *tree)
{
    if (a->items != NULL) {
        json_array_append_new(a->items, tree);
        return;
    }
    tree_dump(&a->text, tree, false);
    json_decref(tree);
}

static void add_row(struct answer *a, const struct row *row)
{
    struct g_event *e = row->event;
    const struct g_list_query *q = a->q;
    if (a->items == NULL && a->count > 0) {
        buf_add_char(&a->text, ',');
    }
    a->count++;
    if (row->of_series) {
        json_t *body = g_instance_body(e, &row->occurrence, a->call->arena);
        add_tree(a, e->cancelled && (!q->deleted || e->calendar->sparse) ? g_view_tombstone(e, body)
                                                                         : g_view(q, e, body));
        json_decref(body);
    } else if (e->cancelled && (!q->deleted || e->calendar->sparse)) {
        add_tree(a, g_view_tombstone(e, e->body));
    } else if (a->items == NULL && g_view_is_plain(q, e)) {
        buf_add(&a->text, g_event_text(e));
    } else {
        add_tree(a, g_view(q, e, e->body));
    }
}

static bool page_row(void *arg, const struct row *row)
{
    struct answer *a = arg;
    bool given = a->at_seq == a->q->from_seq + 1 && a->at_index < a->q->skip;
    if (!given) {
        if (a->count >= a->limit) {
            a->full = true;
            return false;
        }
        add_row(a, row);
    }
    a->at_index++;
    return true;
}

static struct g_event *in_order(struct list *node)
{
    return LIST_ENTRY(node, struct g_event, in_changes);
}

/* Fills the page in the order of the changes; ret_from, ret_skip: where the next one begins. */
static void fill_by_changes(struct answer *a, uint64_t *ret_from, uint64_t *ret_skip)
{
    const struct g_list_query *q = a->q;
    struct list *head = &q->calendar->changes;
    struct list *node = head;
    /* Deltas begin near the end, full reads at the start. */
    while (node->prev != head && in_order(node->prev)->seq > q->from_seq) {
        node = node->prev;
    }
    *ret_from = q->from_seq;
    *ret_skip = 0;
    for (; node != head && in_order(node)->seq <= q->until_seq; node = node->next) {
        struct g_event *e = in_order(node);
        a->at_seq = e->seq;
        a->at_index = 0;
        if (!event_rows(q, e, page_row, a)) {
            *ret_from = e->seq - 1;
            *ret_skip = a->at_index;
            return;
        }
        *ret_from = e->seq;
    }
}

struct row_list {
    VEC(struct row) rows;
};

static bool collect_row(void *arg, const struct row *row)
{
    struct row_list *all = arg;
    vec_push(&all->rows, *row);
    return true;
}

static int by_key(const void *pa, const void *pb)
{
    const struct row *a = pa;
    const struct row *b = pb;
    return a->key != b->key ? (a->key > b->key) - (a->key < b->key)
                            : (a->event->seq > b->event->seq) - (a->event->seq < b->event->seq);
}

/* Sorted answers are made anew for every page: what changes in between shifts them, as Google's. */
static void fill_sorted(struct answer *a, uint64_t *ret_skip)
{
    const struct g_list_query *q = a->q;
    struct row_list all = {0};
    list_foreach (node, &q->calendar->changes) {
        event_rows(q, in_order(node), collect_row, &all);
    }
    if (all.rows.len > 0) {
        qsort(all.rows.ptr, all.rows.len, sizeof *all.rows.ptr, by_key);
    }
    size_t at = (size_t)q->skip;
    for (; at < all.rows.len && a->count < a->limit; at++) {
        add_row(a, &all.rows.ptr[at]);
    }
    a->full = at < all.rows.len;
    *ret_skip = at;
    vec_fini(&all.rows);
}

/* ---- the envelope -------------------------------------------------------------------------- */

static json_t *envelope(struct g_call *call, const struct g_list_query *q)
{
    const struct g_calendar *c = q->calendar;
    char text[WHEN_TEXT_MAX];
    json_t *tree = json_object();
    tree_set_c(tree, "kind", "calendar#events");
    tree_set_str(tree, "etag", arena_strf(call->arena, "\"p%llu\"", (unsigned long long)c->seq));
    tree_set_c(tree, "summary", c->summary);
    tree_set_c(tree, "description", c->description != NULL ? c->description : "");
    tree_set_c(tree, "updated", when_print_utc(c->updated_at, text, sizeof text));
    tree_set_str(tree, "timeZone", q->zone.len > 0 ? q->zone : str_c(c->zone));
    tree_set_c(tree, "accessRole", g_role_name(q->role));
    json_t *reminders = json_array();
    if (q->role >= G_ROLE_WRITER) {
        json_t *reminder = json_object();
        tree_set_c(reminder, "method", "popup");
        tree_set_i64(reminder, "minutes", 10);
        json_array_append_new(reminders, reminder);
    }
    tree_set(tree, "defaultReminders", reminders);
    return tree;
}

static void set_token(struct answer *a, json_t *tree, uint64_t from_seq, uint64_t skip)
{
    const struct g_list_query *q = a->q;
    struct g_opaque o = {
        .kind = a->full ? 'p' : 's',
        .owner = str_c(a->call->user->sub),
        .target = str_c(q->calendar->id),
        .numbers = {q->calendar->generation, q->shape, a->full ? from_seq : q->until_seq,
                    a->full ? q->until_seq : 0, skip},
    };
    if (!a->full && q->tokenless) {
        return;
    }
    struct buf token;
    buf_init(&token, 8192);
    g_opaque_print(a->call->g, &o, &token);
    tree_set_str(tree, a->full ? "nextPageToken" : "nextSyncToken", buf_str(&token));
    buf_fini(&token);
}

/* Takes tree. */
static void send(struct answer *a, json_t *tree)
{
    struct g_call *call = a->call;
    if (a->items != NULL) {
        json_object_set(tree, "items", a->items);
        g_reply(call, tree);
        return;
    }
    sim_reply_text(call->rp, 200, "application/json; charset=UTF-8", STR(""));
    tree_dump(&call->rp->body, tree, false);
    json_decref(tree);
    /* The rows go in before the bracket that closes the envelope. */
    call->rp->body.len--;
    buf_add_c(&call->rp->body, ",\"items\":[");
    buf_add(&call->rp->body, buf_str(&a->text));
    buf_add_c(&call->rp->body, "]}");
}

void g_events_list(struct g_call *call)
{
    struct g_calendar *c = g_calendar_find(call->g, call->user, call->calendar_id);
    struct g_list_query q;
    struct answer a;
    uint64_t from_seq = 0;
    uint64_t skip = 0;

    if (!g_list_query_read(call, c, &q)) {
        return;
    }
    answer_init(&a, call, &q);
    if (q.order == G_ORDER_NONE) {
        fill_by_changes(&a, &from_seq, &skip);
    } else {
        fill_sorted(&a, &skip);
    }
    json_t *tree = envelope(call, &q);
    set_token(&a, tree, from_seq, skip);
    send(&a, tree);
    json_decref(a.items);
    buf_fini(&a.text);
}

/* ---- instances ----------------------------------------------------------------------------- */

static bool instance_row(void *arg, const struct g_occurrence *o)
{
    struct expansion *x = arg;
    struct g_event *exception = g_series_exception(x->master, o->at);
    if (exception != NULL) {
        return x->more; /* comes with the others that were moved or cancelled */
    }
    x->more =
        x->fn(x->arg,
              &(struct row){.event = x->master, .of_series = true, .occurrence = *o, .key = o->at});
    return x->more;
}

static void collect_instances(const struct g_list_query *q, struct g_event *master,
                              struct row_list *all, int64_t original)
{
    struct expansion x = {q, master, collect_row, all, true};
    list_foreach (node, &master->exceptions) {
        struct g_event *e = LIST_ENTRY(node, struct g_event, in_master);
        if ((!e->cancelled || q->deleted) && in_window(q, e->start_at, e->end_at) &&
            (original == INT64_MIN || e->original_at == original)) {
            collect_row(all, &(struct row){.event = e, .key = e->start_at});
        }
    }
    if (original != INT64_MIN) {
        struct g_occurrence o;
        if (g_series_find(master, original, &o)) {
            instance_row(&x, &o);
        }
        return;
    }
    int64_t to = q->time_max != INT64_MAX
                     ? q->time_max
                     : MAX(MAX(q->time_min, master->start_at), master->updated_at) + HORIZON_MS;
    g_series_each(master, q->time_min, to, instance_row, &x);
}

/* Of an instance's id: that one. Of a series': all, or the one with originalStart. */
static bool find_instances(struct g_call *call, const struct g_list_query *q, struct row_list *all)
{
    struct g_event *e = g_event_find(q->calendar, call->event_id);
    struct g_event *master = NULL;
    struct str original = g_query(call, "originalStart");
    int64_t at = INT64_MIN;

    if (original.len > 0 && !when_parse(original, &at) &&
        !when_parse_date(original, q->calendar->zone, &at)) {
        g_fail_invalid(call, "Bad Request", "originalStart");
        return false;
    }
    if (e == NULL && g_instance_parse(q->calendar, call->event_id, &master, &at)) {
        collect_instances(q, master, all, at);
        return true;
    }
    if (e == NULL) {
        g_fail_not_found(call);
        return false;
    }
    if (e->recurring) {
        collect_instances(q, e, all, at);
    } else if (!e->cancelled || q->deleted) {
        collect_row(all, &(struct row){.event = e, .key = e->start_at});
    }
    return true;
}

void g_events_instances(struct g_call *call)
{
    struct g_calendar *c = g_calendar_find(call->g, call->user, call->calendar_id);
    struct g_list_query q;
    struct row_list all = {0};
    struct answer a;

    if (!g_list_query_read(call, c, &q)) {
        return;
    }
    q.tokenless = true;
    if (find_instances(call, &q, &all)) {
        answer_init(&a, call, &q);
        size_t at = (size_t)q.skip;
        for (; at < all.rows.len && a.count < a.limit; at++) {
            add_row(&a, &all.rows.ptr[at]);
        }
        a.full = at < all.rows.len;
        json_t *tree = envelope(call, &q);
        set_token(&a, tree, 0, at);
        send(&a, tree);
        json_decref(a.items);
        buf_fini(&a.text);
    }
    vec_fini(&all.rows);
}
