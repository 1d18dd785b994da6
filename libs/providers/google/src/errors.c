#include "google_int.h"

/* "Replenished in hours": asking sooner only prolongs it.
 * src: https://support.google.com/a/answer/2905486 (calendar use limits) */
#define USAGE_LIMIT_MS (3600 * 1000)
#define REASONS_MAX 16

/* Branch on the reason, never on the status alone: a 403 is four different things. The first row
 * that fits counts. */
static const struct rule {
    int status; /* 0: any */
    const char *reason;
    const char *message; /* begins with; NULL: any */
    enum err_code code;
    enum err_act act;
    int32_t retry_after_ms;
} rules[] = {
    /* limits for hours; before the quotas, whose detail can stand beside them */
    {403, "quotaExceeded", NULL, ERR_DENIED, ERR_ACT_RETRY, USAGE_LIMIT_MS},
    {403, "dailyLimitExceeded", NULL, ERR_DENIED, ERR_ACT_RETRY, USAGE_LIMIT_MS},
    /* quotas: 403 and 429 mean the same */
    {0, "rateLimitExceeded", NULL, ERR_THROTTLED, ERR_ACT_RETRY, 0},
    {0, "userRateLimitExceeded", NULL, ERR_THROTTLED, ERR_ACT_RETRY, 0},
    {0, "RATE_LIMIT_EXCEEDED", NULL, ERR_THROTTLED, ERR_ACT_RETRY, 0},
    /* the project's setting */
    {403, "accessNotConfigured", NULL, ERR_CONFIG, ERR_ACT_CONFIG, 0},
    {403, "SERVICE_DISABLED", NULL, ERR_CONFIG, ERR_ACT_CONFIG, 0},
    {0, "push.webhookUrlNotHttps", NULL, ERR_CONFIG, ERR_ACT_CONFIG, 0},
    {0, "push.webhookUrlUnauthorized", NULL, ERR_CONFIG, ERR_ACT_CONFIG, 0},
    /* what the account may not do */
    {403, "insufficientPermissions", NULL, ERR_DENIED, ERR_ACT_DROP, 0},
    {403, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", NULL, ERR_DENIED, ERR_ACT_DROP, 0},
    {403, "forbiddenForNonOrganizer", NULL, ERR_DENIED, ERR_ACT_DROP, 0},
    {403, "requiredAccessLevel", NULL, ERR_DENIED, ERR_ACT_DROP, 0},
    {403, "forbidden", NULL, ERR_DENIED, ERR_ACT_DROP, 0},
    {403, "notACalendarUser", NULL, ERR_DENIED, ERR_ACT_DROP, 0},
    {403, "domainPolicy", NULL, ERR_DENIED, ERR_ACT_DROP, 0},
    /* 400 and at times 403: this calendar is polled */
    {0, "pushNotSupportedForRequestedResource", NULL, ERR_UNSUPPORTED, ERR_ACT_DROP, 0},
    {0, "channelIdNotUnique", NULL, ERR_EXISTS, ERR_ACT_NONE, 0},
    /* cursors */
    {410, "fullSyncRequired", NULL, ERR_GONE, ERR_ACT_RESYNC, 0},
    {410, "updatedMinTooLongAgo", NULL, ERR_GONE, ERR_ACT_RESYNC, 0},
    {400, "invalid", "Invalid sync token value", ERR_GONE, ERR_ACT_RESYNC, 0},
    /* another was first */
    {400, "invalid", "Invalid sequence value", ERR_CONFLICT, ERR_ACT_NONE, 0},
    {409, "duplicate", NULL, ERR_EXISTS, ERR_ACT_NONE, 0},
    {409, "conflict", NULL, ERR_UNAVAILABLE, ERR_ACT_RETRY, 0},
    {410, "deleted", NULL, ERR_GONE, ERR_ACT_NONE, 0},
    /* outages, whatever the status that they come with */
    {0, "backendError", NULL, ERR_UNAVAILABLE, ERR_ACT_RETRY, 0},
    {0, "internalError", NULL, ERR_UNAVAILABLE, ERR_ACT_RETRY, 0},
};

static size_t collect(const struct json *list, struct str *reasons, size_t count)
{
    json_foreach(entry, list)
    {
        struct str reason = json_str_or_empty(entry, "reason");
        if (reason.len > 0 && count < REASONS_MAX) {
            reasons[count++] = reason;
        }
    }
    return count;
}

static const struct rule *find_rule(int status, struct str message, const struct str *reasons,
                                    size_t count)
{
    for (size_t i = 0; i < ARRAY_LEN(rules); i++) {
        const struct rule *r = &rules[i];
        if ((r->status != 0 && r->status != status) ||
            (r->message != NULL && !str_starts(message, str_c(r->message)))) {
            continue;
        }
        for (size_t k = 0; k < count; k++) {
            if (str_eq_c(reasons[k], r->reason)) {
                return r;
            }
        }
    }
    return NULL;
}

/* What the status says where no reason does, and where the call gives it a meaning. */
static enum err_code by_status(const struct provider_call *call, int status, struct str reason,
                               struct err *err)
{
    enum err_code code = provider_classify_status(status, err);
    enum err_act act = err->act;
    if (status == 412 && call->if_match.len == 0) {
        /* seen without any condition, and gone the next time */
        code = ERR_UNAVAILABLE;
        act = ERR_ACT_RETRY;
    }
    return ERR_SET_ACT(err, code, act, "%.*s (HTTP status %d)", STR_ARG(reason), status);
}

enum err_code google_classify(const struct provider_call *call, int status, const struct json *body,
                              struct err *err)
{
    struct err local = {0};
    struct str reasons[REASONS_MAX];
    const struct json *error = json_get(body, "error");
    size_t count = collect(json_get(error, "errors"), reasons, 0);
    count = collect(json_get(error, "details"), reasons, count);
    struct arena words;
    arena_init(&words);
    struct str reason = count > 0 ? provider_word(&words, reasons[0]) : STR("no reason");
    const struct rule *rule =
        find_rule(status, json_str_or_empty(error, "message"), reasons, count);
    if (rule != NULL) {
        ERR_SET_ACT(&local, rule->code, rule->act, "%s (HTTP status %d)", rule->reason, status);
        local.retry_after_ms = rule->retry_after_ms;
    } else {
        by_status(call, status, reason, &local);
    }
    arena_fini(&words);
    local.sys = status;
    if (err != NULL) {
        *err = local;
    }
    return local.code;
}
