#include "simulator/push.h"

static const struct push_settings defaults = {.coalesce_ms = 10, .backoff_ms = 500};

void pushes_init(struct pushes *p)
{
    *p = (struct pushes){.settings = defaults};
}

void pushes_reset(struct pushes *p)
{
    p->settings = defaults;
    p->sent = p->delivered = p->dropped = p->refused = 0;
}

struct push *push_new(const char *address)
{
    struct push *push = xcalloc(1, sizeof *push);
    push->address = xstrdup(address);
    arena_init(&push->arena);
    return push;
}

void push_free(struct push *push)
{
    if (push != NULL) {
        arena_fini(&push->arena);
        free(push->address);
        free(push);
    }
}

void push_header(struct push *push, const char *name, struct str value)
{
    BUG_ON(push->header_count == PUSH_HEADERS_MAX);
    push->headers[push->header_count++] =
        (struct sim_header){.name = str_c(name), .value = arena_str(&push->arena, value)};
}

static void start(struct pushes *p, struct push *push)
{
    if (p->start == NULL || p->waiting >= PUSH_WAITING_MAX) {
        p->dropped++;
        push_free(push);
        return;
    }
    p->waiting++;
    p->sent++;
    p->start(p->start_arg, push);
}

static struct push *dup_push(const struct push *from)
{
    struct push *copy = push_new(from->address);
    for (size_t i = 0; i < from->header_count; i++) {
        push_header(copy, from->headers[i].name.ptr, from->headers[i].value);
    }
    copy->body = arena_str(&copy->arena, from->body);
    copy->delay_ms = from->delay_ms;
    return copy;
}

/* One of "the next N" and "N of a hundred". */
static bool chosen(int64_t *next, int64_t percent, uint32_t dice)
{
    if (*next > 0) {
        (*next)--;
        return true;
    }
    return dice % 100 < percent;
}

void pushes_send(struct pushes *p, struct push *push, uint32_t dice)
{
    struct push_settings *s = &p->settings;
    if (chosen(&s->drop_next, s->drop_percent, dice)) {
        p->dropped++;
        push_free(push);
        return;
    }
    push->delay_ms += s->delay_ms;
    if (s->reorder_ms > 0) {
        push->delay_ms += (int64_t)(dice >> 8) % s->reorder_ms;
    }
    if (chosen(&s->duplicate_next, s->duplicate_percent, dice >> 4)) {
        start(p, dup_push(push));
    }
    start(p, push);
}

void push_done(struct pushes *p, struct push *push, int status)
{
    p->waiting--;
    if (status == 200 || status == 201 || status == 202 || status == 204 || status == 102) {
        p->delivered++;
        push_free(push);
        return;
    }
    /* What Google does with unreachable hosts is not documented; they are treated as a 503. */
    bool again = status == 0 || status == 500 || (status >= 502 && status <= 504);
    if (!again || ++push->attempt >= PUSH_ATTEMPTS) {
        p->refused++;
        push_free(push);
        return;
    }
    push->delay_ms = p->settings.backoff_ms << (push->attempt - 1);
    start(p, push);
}

void push_settings_read(struct push_settings *s, const json_t *from)
{
    s->drop_percent = tree_get_i64(from, "drop_percent", s->drop_percent);
    s->drop_next = tree_get_i64(from, "drop_next", s->drop_next);
    s->delay_ms = tree_get_i64(from, "delay_ms", s->delay_ms);
    s->reorder_ms = tree_get_i64(from, "reorder_ms", s->reorder_ms);
    s->duplicate_percent = tree_get_i64(from, "duplicate_percent", s->duplicate_percent);
    s->duplicate_next = tree_get_i64(from, "duplicate_next", s->duplicate_next);
    s->coalesce_ms = tree_get_i64(from, "coalesce_ms", s->coalesce_ms);
    s->backoff_ms = tree_get_i64(from, "backoff_ms", s->backoff_ms);
}

json_t *pushes_tree(const struct pushes *p)
{
    json_t *tree = json_object();
    tree_set_i64(tree, "drop_percent", p->settings.drop_percent);
    tree_set_i64(tree, "drop_next", p->settings.drop_next);
    tree_set_i64(tree, "delay_ms", p->settings.delay_ms);
    tree_set_i64(tree, "reorder_ms", p->settings.reorder_ms);
    tree_set_i64(tree, "duplicate_percent", p->settings.duplicate_percent);
    tree_set_i64(tree, "duplicate_next", p->settings.duplicate_next);
    tree_set_i64(tree, "coalesce_ms", p->settings.coalesce_ms);
    tree_set_i64(tree, "backoff_ms", p->settings.backoff_ms);
    tree_set_i64(tree, "sent", p->sent);
    tree_set_i64(tree, "delivered", p->delivered);
    tree_set_i64(tree, "dropped", p->dropped);
    tree_set_i64(tree, "refused", p->refused);
    tree_set_i64(tree, "waiting", (int64_t)p->waiting);
    return tree;
}
