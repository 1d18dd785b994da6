#include "simulator/journal.h"

void journal_init(struct journal *j)
{
    *j = (struct journal){.entries = xcalloc(JOURNAL_ENTRIES, sizeof(struct journal_entry))};
}

static void entry_fini(struct journal_entry *e)
{
    free(e->method);
    free(e->path);
    free(e->query);
    free(e->account);
    free(e->if_match);
    free(e->if_none_match);
    free(e->user_agent);
    free(e->traceparent);
    free(e->body);
    free(e->unknown);
    *e = (struct journal_entry){0};
}

void journal_clear(struct journal *j)
{
    for (size_t i = 0; i < JOURNAL_ENTRIES; i++) {
        if (j->entries[i].number != 0) {
            entry_fini(&j->entries[i]);
        }
    }
}

void journal_fini(struct journal *j)
{
    journal_clear(j);
    free(j->entries);
    *j = (struct journal){0};
}

static char *dup(struct str s)
{
    if (s.len == 0) {
        return NULL;
    }
    char *copy = xmalloc(s.len + 1);
    memcpy(copy, s.ptr, s.len);
    copy[s.len] = 0;
    return copy;
}

void journal_add(struct journal *j, const struct sim_request *rq, const struct journal_facts *facts)
{
    struct journal_entry *e = &j->entries[(uint64_t)++j->last % JOURNAL_ENTRIES];
    entry_fini(e);
    *e = (struct journal_entry){
        .number = j->last,
        .at = facts->at,
        .method = dup(rq->method),
        .path = dup(rq->path),
        .query = dup(rq->query),
        .account = dup(facts->account),
        .if_match = dup(sim_request_header(rq, "if-match")),
        .if_none_match = dup(sim_request_header(rq, "if-none-match")),
        .user_agent = dup(sim_request_header(rq, "user-agent")),
        .traceparent = dup(sim_request_header(rq, "traceparent")),
        .unknown = dup(facts->unknown),
        .version = rq->version,
        .status = facts->status,
    };
    if (!facts->secret && rq->body.len <= JOURNAL_BODY_MAX_BYTES) {
        e->body = dup(rq->body);
    }
}

static void set(json_t *row, const char *key, const char *value)
{
    if (value != NULL) {
        tree_set_c(row, key, value);
    }
}

static json_t *entry_tree(const struct journal_entry *e)
{
    json_t *row = json_object();
    tree_set_i64(row, "number", e->number);
    tree_set_i64(row, "at", e->at);
    set(row, "method", e->method);
    set(row, "path", e->path);
    set(row, "query", e->query);
    set(row, "account", e->account);
    set(row, "if_match", e->if_match);
    set(row, "if_none_match", e->if_none_match);
    set(row, "user_agent", e->user_agent);
    set(row, "traceparent", e->traceparent);
    set(row, "body", e->body);
    set(row, "unknown", e->unknown);
    set(row, "version", e->version);
    tree_set_i64(row, "status", e->status);
    return row;
}

static bool wanted(const struct journal_entry *e, const struct journal_query *q)
{
    return e->number > q->after && (q->path.len == 0 || str_starts(str_c(e->path), q->path)) &&
           (q->method.len == 0 || str_eq(str_c(e->method), q->method)) &&
           (q->account.len == 0 || str_eq(str_c(e->account), q->account)) &&
           (!q->only_unknown || e->unknown != NULL);
}

json_t *journal_list(const struct journal *j, const struct journal_query *q)
{
    json_t *list = json_array();
    int64_t first = MAX(j->last - JOURNAL_ENTRIES + 1, (int64_t)1);
    for (int64_t n = MAX(first, q->after + 1); n <= j->last; n++) {
        const struct journal_entry *e = &j->entries[(uint64_t)n % JOURNAL_ENTRIES];
        if (e->number == n && wanted(e, q)) {
            json_array_append_new(list, entry_tree(e));
            if ((int64_t)json_array_size(list) == q->limit) {
                break;
            }
        }
    }
    return list;
}
