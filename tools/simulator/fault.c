#include "simulator/fault.h"

static const struct {
    const char *name;
    bool before;
} kinds[] = {
#define FAULT_ROW(name, before) {#name, before},
    FAULT_KINDS(FAULT_ROW)
#undef FAULT_ROW
};

bool fault_acts_before(enum fault_kind kind)
{
    return kinds[kind].before;
}

static char *dup_member(const json_t *rule, const char *key)
{
    const json_t *value = json_object_get(rule, key);
    return json_is_string(value) ? xstrdup(json_string_value(value)) : NULL;
}

static void free_fault(struct fault *rule)
{
    free(rule->path);
    free(rule->contains);
    free(rule->method);
    free(rule->account);
    free(rule->reason);
    free(rule);
}

int64_t faults_add(struct faults *f, const json_t *rule)
{
    struct str name = tree_get_str(rule, "kind");
    size_t kind = 0;
    while (kind < FAULT_KIND_COUNT && !str_eq_c(name, kinds[kind].name)) {
        kind++;
    }
    if (kind == FAULT_KIND_COUNT) {
        return 0;
    }
    struct fault *made = xcalloc(1, sizeof *made);
    *made = (struct fault){
        .id = ++f->last_id,
        .kind = (enum fault_kind)kind,
        .path = dup_member(rule, "path"),
        .contains = dup_member(rule, "contains"),
        .method = dup_member(rule, "method"),
        .account = dup_member(rule, "account"),
        .next = tree_get_i64(rule, "next", -1),
        .percent = tree_get_i64(rule, "percent", 100),
        .status = tree_get_i64(rule, "status", 0),
        .reason = dup_member(rule, "reason"),
        .retry_after_s = tree_get_i64(rule, "retry_after_s", -1),
        .delay_ms = tree_get_i64(rule, "delay_ms", 0),
    };
    struct fault **at = &f->first;
    while (*at != NULL) {
        at = &(*at)->follow;
    }
    *at = made;
    return made->id;
}

bool faults_remove(struct faults *f, int64_t id)
{
    for (struct fault **at = &f->first; *at != NULL; at = &(*at)->follow) {
        if ((*at)->id == id) {
            struct fault *gone = *at;
            *at = gone->follow;
            free_fault(gone);
            return true;
        }
    }
    return false;
}

void faults_clear(struct faults *f)
{
    while (f->first != NULL) {
        faults_remove(f, f->first->id);
    }
}

json_t *faults_list(const struct faults *f)
{
    json_t *list = json_array();
    for (const struct fault *rule = f->first; rule != NULL; rule = rule->follow) {
        json_t *row = json_object();
        tree_set_i64(row, "id", rule->id);
        tree_set_c(row, "kind", kinds[rule->kind].name);
        if (rule->path != NULL) {
            tree_set_c(row, "path", rule->path);
        }
        if (rule->account != NULL) {
            tree_set_c(row, "account", rule->account);
        }
        tree_set_i64(row, "next", rule->next);
        tree_set_i64(row, "hits", rule->hits);
        json_array_append_new(list, row);
    }
    return list;
}

static bool matches(const struct fault *rule, const struct fault_call *call)
{
    return (rule->path == NULL || str_starts(call->path, str_c(rule->path))) &&
           (rule->contains == NULL || str_find(call->path, str_c(rule->contains)) != SIZE_MAX) &&
           (rule->method == NULL || str_eq_c(call->method, rule->method)) &&
           (rule->account == NULL || str_eq_c(call->account, rule->account)) &&
           call->dice < rule->percent;
}

const struct fault *faults_match(struct faults *f, const struct fault_call *call,
                                 int64_t *ret_delay_ms)
{
    const struct fault *decides = NULL;
    int64_t delay_ms = 0;
    for (struct fault *rule = f->first, *follow; rule != NULL; rule = follow) {
        follow = rule->follow;
        if (!matches(rule, call)) {
            continue;
        }
        if (rule->kind == FAULT_latency) {
            delay_ms += rule->delay_ms;
            faults_hit(f, rule->id);
        } else if (decides == NULL) {
            decides = rule;
            delay_ms += rule->delay_ms;
        }
    }
    *ret_delay_ms = delay_ms;
    return decides;
}

void faults_hit(struct faults *f, int64_t id)
{
    for (struct fault *rule = f->first; rule != NULL; rule = rule->follow) {
        if (rule->id == id) {
            rule->hits++;
            if (rule->next > 0 && --rule->next == 0) {
                faults_remove(f, id);
            }
            return;
        }
    }
}
