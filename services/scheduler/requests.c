/* From a sealed record of calendar.schedule.requests to its handler, and back to a reply.
 *
 * A command whose row is in the ledger is brought to its end whatever becomes of its record; one
 * without a row left nothing behind. So every record is acknowledged once it was answered. */
#include "messages/topics.h"
#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"
#include "scheduler.h"
#include "scheduler/sql.h"
#include "service/context.h"
#include "store/sql.h"

#define RETRY_AFTER_MS 2000

static const struct {
    int type;
    size_t size; /* of its struct */
    command_fn run;
    const char *name;
} handlers[] = {
    {MESSAGE_schedule_create, sizeof(struct message_schedule_create), command_create, "create"},
    {MESSAGE_schedule_change, sizeof(struct message_schedule_change), command_change, "change"},
    {MESSAGE_schedule_cancel, sizeof(struct message_schedule_cancel), command_cancel, "cancel"},
};

static void write_refusal(struct buf *out, const char *code, const char *message)
{
    struct json_writer w = {.out = out};
    json_open(&w, '{');
    json_key(&w, "error");
    json_open(&w, '{');
    json_member_c(&w, "code", code);
    json_member_c(&w, "message", message);
    json_close(&w, '}');
    json_close(&w, '}');
}

enum err_code command_refuse(struct command *c, int status, const char *code, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    buf_reset(&c->body);
    write_refusal(&c->body, code, text);
    c->status = status;
    return ERR_OK;
}

struct str refusal_json(struct arena *arena, const char *code, const char *message)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 4096);
    write_refusal(&out, code, message);
    return arena_str(arena, buf_str(&out));
}

enum err_code command_may(struct command *c, struct pg_session *s, struct uuid organization,
                          bool *ret_may, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, c->caller.user);
    pg_add_uuid(&p, organization);
    pg_add_text(&p, STR(PERMISSION_SCHEDULE));
    enum err_code rc = pg_exec(s, &SQL_CALLER_MAY, &p, co_after(DB_MS), c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    *ret_may = pg_get_bool(r, 0, 0);
    if (!*ret_may) {
        return command_refuse(c, 403, "permission_denied",
                              "This takes the permission " PERMISSION_SCHEDULE
                              " in that organisation.");
    }
    return ERR_OK;
}

/* What went wrong here, in the caller's terms: nothing of it is theirs to mend. */
static void answer_failure(struct command *c, const char *name, const struct err *err)
{
    bool passes = err->act == ERR_ACT_RETRY || err->code == ERR_TIMEOUT ||
                  err->code == ERR_UNAVAILABLE || err->code == ERR_BUSY || err->code == ERR_IO ||
                  err->code == ERR_CLOSED || err->code == ERR_CANCELED || err->code == ERR_CONFLICT;
    LOG_ERROR("command.failed", "a request to schedule could not be served", F_C("command", name),
              F_ERR(err));
    if (passes) {
        command_refuse(c, 503, "unavailable", "This cannot be done at the moment. Try again.");
        c->retry_after_ms = MAX(RETRY_AFTER_MS, err->retry_after_ms);
    } else {
        command_refuse(c, 500, "internal", "Something went wrong here. It has been logged.");
    }
}

/* errs: ERR_PROTO: it can never be read. */
static enum err_code dispatch(struct command *c, struct str payload, struct err *err)
{
    int type;
    enum err_code rc = message_type(payload, &type, err);
    if (rc != ERR_OK) {
        return rc;
    }
    for (size_t i = 0; i < ARRAY_LEN(handlers); i++) {
        if (handlers[i].type != type) {
            continue;
        }
        struct err why = {0};
        void *message = arena_zalloc(c->arena, handlers[i].size);
        rc = message_decode(type, payload, c->arena, message, err);
        if (rc != ERR_OK) {
            return rc;
        }
        int64_t began = co_now();
        rc = handlers[i].run(c, message, &why);
        if (rc == ERR_OK) {
            rc = buf_ok(&c->body, &why);
        }
        if (rc != ERR_OK) {
            answer_failure(c, handlers[i].name, &why);
        }
        metric_observe(METRIC_SCHEDULE_SECONDS, NULL, (double)(co_now() - began) / 1000);
        char status[8];
        snprintf(status, sizeof status, "%d", c->status);
        metric_inc(METRIC_SCHEDULE_ANSWERS, status);
        LOG_INFO("command.done", "a request to schedule was served",
                 F_C("command", handlers[i].name), F_I64("status", c->status),
                 F_UUID("request", c->caller.request_id));
        return ERR_OK;
    }
    return ERR_SET(err, ERR_PROTO, "message type %d is none of this topic's", type);
}

static enum err_code reply(const struct command *c, const struct kafka_rpc_request *request,
                           struct err *err)
{
    struct buf payload CLEANUP(buf_fini);
    struct message_reply message = {.status = (uint64_t)c->status};
    buf_init(&payload, KAFKA_RPC_PAYLOAD_MAX);
    MESSAGE_SET(reply, &message, body, buf_str(&c->body));
    if (c->retry_after_ms > 0) {
        MESSAGE_SET(reply, &message, retry_after_ms, (uint64_t)c->retry_after_ms);
    }
    enum err_code rc = failpoint("schedule.before_reply", err);
    if (rc == ERR_OK) {
        rc = message_encode(MESSAGE_reply, &message, &payload, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    return kafka_rpc_reply(c->scheduler->rpc, request, buf_str(&payload), co_after(REPLY_MS), err);
}

/* Only a signed-in user has a calendar. */
static enum err_code read_caller(struct command *c, struct str bytes, struct err *err)
{
    enum err_code rc = message_decode(MESSAGE_caller, bytes, c->arena, &c->caller, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (c->caller.role != MESSAGE_ROLE_USER || !MESSAGE_HAS(caller, &c->caller, user)) {
        return ERR_SET(err, ERR_PROTO, "the caller is no user");
    }
    return ERR_OK;
}

static enum kafka_verdict serve(struct scheduler *w, const struct kafka_rpc_request *request,
                                struct arena *arena, struct request_context *context,
                                struct err *err)
{
    struct command c = {
        .scheduler = w, .arena = arena, .deadline = co_after(request->deadline_at - co_wall_now())};
    struct err why;
    buf_init(&c.body, BODY_MAX);
    enum err_code rc = read_caller(&c, request->caller, err);
    if (rc == ERR_OK) {
        context->request_id = c.caller.request_id;
        rc = dispatch(&c, request->payload, err);
    }
    if (rc == ERR_OK && reply(&c, request, &why) != ERR_OK) {
        LOG_WARN("command.reply.lost", "an answer was not delivered; the caller may ask again",
                 F_UUID("request", c.caller.request_id), F_ERR(&why));
    }
    buf_fini(&c.body);
    return rc == ERR_OK ? KAFKA_DONE : KAFKA_DEAD;
}

static enum kafka_verdict open_and_serve(struct scheduler *w, struct kafka_run *run,
                                         struct arena *arena, struct err *err)
{
    struct kafka_rpc_request request = {0};
    struct request_context context;
    char traceparent[TRACEPARENT_LEN + 1];
    enum kafka_verdict verdict = KAFKA_DONE;
    struct err why;

    enum err_code rc =
        kafka_rpc_request_open(w->rpc, run->record, co_wall_now(), arena, &request, err);
    request_context_begin(&context,
                          run->has_trace ? trace_print(&run->trace, traceparent) : STR(""));
    if (rc == ERR_OK) {
        verdict = serve(w, &request, arena, &context, err);
    } else if (rc == ERR_EXPIRED) {
        if (kafka_rpc_reply_expired(w->rpc, &request, co_after(REPLY_MS), &why) != ERR_OK) {
            LOG_WARN("command.reply.lost", "a refusal of what came too late was not delivered",
                     F_ERR(&why));
        }
    } else if (rc == ERR_CONFIG) {
        verdict = KAFKA_RETRY; /* the bus key is not here yet: it is rotated online */
    } else if (rc != ERR_EXISTS) {
        verdict = KAFKA_DEAD;
    }
    request_context_end();
    return verdict;
}

static enum kafka_verdict run_command(void *ctx, struct kafka_run *run, struct err *err)
{
    struct arena arena;
    arena_init(&arena);
    enum kafka_verdict verdict = open_and_serve(ctx, run, &arena, err);
    arena_fini(&arena);
    return verdict;
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
