#include "serve.h"

#include "commands/commands.h"
#include "observe/metric.h"

#include <stdio.h>

static enum err_code answer(struct command *c, const void *message, struct err *err UNUSED)
{
    struct fb_server *srv = c->ctx;
    struct freebusy_answer answer = {.body = c->body};
    freebusy_answer(&srv->core, &c->caller, message, c->deadline, c->arena, &answer);
    c->body = answer.body;
    c->status = answer.status;
    c->retry_after_ms = answer.retry_after_ms;
    return ERR_OK;
}

static void answered(const struct command *c, const char *name UNUSED, int64_t ms UNUSED)
{
    char label[8];
    snprintf(label, sizeof label, "%d", c->status);
    metric_inc(METRIC_FREEBUSY_ANSWERS, label);
}

static const struct command_handler handlers[] = {COMMAND_HANDLER(freebusy, answer, "freebusy")};

static const struct command_service questions = {.handlers = handlers,
                                                 .handler_count = ARRAY_LEN(handlers),
                                                 .answered = answered,
                                                 .before_reply = "freebusy.before_reply"};

static enum kafka_verdict run_question(void *ctx, struct kafka_run *run, struct err *err)
{
    struct fb_server *srv = ctx;
    return command_serve(&questions, srv, srv->rpc, run, err);
}

/* Equal questions meet here by their key, and share what Redis keeps; they are not put in line: one
 * that waits for a slow provider would use up the time of those behind it. */
static enum kafka_class classify(void *ctx UNUSED, const struct kafka_record *record UNUSED,
                                 struct kafka_core_item *item, const char **ret_error_class UNUSED)
{
    item->key = (struct str){0};
    item->priority = KAFKA_INTERACTIVE;
    return KAFKA_CLASS_WORK;
}

const struct kafka_engine_ops fb_engine_ops = {.classify = classify, .run = run_question};
