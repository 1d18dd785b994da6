/* Requests to schedule: which handler serves what.
 *
 * A command whose row is in the ledger is brought to its end whatever becomes of its record; one
 * without a row left nothing behind. So every record is acknowledged once it was answered. */
#include "observe/metric.h"
#include "scheduler.h"

#include <stdio.h>

static const struct command_handler handlers[] = {
    COMMAND_HANDLER(schedule_create, command_create, "create"),
    COMMAND_HANDLER(schedule_change, command_change, "change"),
    COMMAND_HANDLER(schedule_cancel, command_cancel, "cancel"),
};

static void answered(const struct command *c, const char *name UNUSED, int64_t ms)
{
    char status[8];
    snprintf(status, sizeof status, "%d", c->status);
    metric_observe(METRIC_SCHEDULE_SECONDS, NULL, (double)ms / 1000);
    metric_inc(METRIC_SCHEDULE_ANSWERS, status);
}

static const struct command_service schedule = {.handlers = handlers,
                                                .handler_count = ARRAY_LEN(handlers),
                                                .answered = answered,
                                                .before_reply = "schedule.before_reply"};

static enum kafka_verdict run_command(void *ctx, struct kafka_run *run, struct err *err)
{
    struct scheduler *w = ctx;
    return command_serve(&schedule, w, w->parts.rpc, run, err);
}

static enum kafka_class classify(void *ctx UNUSED, const struct kafka_record *record UNUSED,
                                 struct kafka_core_item *item, const char **ret_error_class UNUSED)
{
    item->priority = KAFKA_INTERACTIVE;
    return KAFKA_CLASS_WORK;
}

/* The shards of the partitions that are ours: what recover.c looks after. */
static void on_change(void *ctx, const struct kafka_partition *partitions, size_t count,
                      bool gained)
{
    struct scheduler *w = ctx;
    for (size_t i = 0; i < count; i++) {
        const struct kafka_partition *p = &partitions[i];
        if (w->partitions != p->partition_count) {
            free(w->owned);
            w->partitions = p->partition_count;
            w->owned = xcalloc((size_t)w->partitions, sizeof *w->owned);
        }
        w->owned[p->partition] = gained;
    }
}

const struct kafka_engine_ops scheduler_engine_ops = {
    .classify = classify, .run = run_command, .on_change = on_change};
