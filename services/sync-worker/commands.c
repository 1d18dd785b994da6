/* From a sealed record of calendar.connections.requests to its handler, and back to a reply.
 *
 * A command that was begun is answered once and acknowledged, whatever became of it: most can be
 * asked again, and the one that cannot (the exchange) remembers by itself that it was begun. */
#include "commands.h"

#include "messages/topics.h"
#include "observe/log.h"
#include "service/context.h"
#include "store/sql.h"

#include <stdio.h>
#include <time.h>

#define REPLY_MS 10000
#define RETRY_AFTER_MS 2000

static const struct {
    int type;
    size_t size; /* of its struct */
    command_fn run;
    const char *name;
} handlers[] = {
    {MESSAGE_connections_list, sizeof(struct message_connections_list), command_list, "list"},
    {MESSAGE_oauth_start, sizeof(struct message_oauth_start), command_oauth_start, "oauth_start"},
    {MESSAGE_oauth_exchange, sizeof(struct message_oauth_exchange), command_oauth_exchange,
     "oauth_exchange"},
    {MESSAGE_connection_patch, sizeof(struct message_connection_patch), command_patch, "patch"},
    {MESSAGE_connection_delete, sizeof(struct message_connection_delete), command_delete, "delete"},
    {MESSAGE_sync_now, sizeof(struct message_sync_now), command_sync_now, "sync_now"},
};

enum err_code command_refuse(struct command *c, int status, const char *code, const char *fmt, ...)
{
    char text[256];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    struct json_writer w = {.out = &c->body};
    buf_reset(&c->body);
    json_open(&w, '{');
    json_key(&w, "error");
    json_open(&w, '{');
    json_member_c(&w, "code", code);
    json_member_c(&w, "message", text);
    json_close(&w, '}');
    json_close(&w, '}');
    c->status = status;
    return ERR_OK;
}

void command_member_time(struct json_writer *w, const char *key, const struct pg_result *r,
                         size_t row, size_t column)
{
    char text[40];
    struct tm tm;
    json_key(w, key);
    if (pg_is_null(r, row, column) || pg_get_time(r, row, column) == PG_TIME_INFINITY) {
        json_put_null(w);
        return;
    }
    time_t at = (time_t)(pg_get_time(r, row, column) / 1000);
    gmtime_r(&at, &tm);
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    json_put_str(w, str_c(text));
}

enum err_code command_organization(struct command *c, struct pg_session *s,
                                   const struct uuid *named, bool *ret_known,
                                   struct uuid *ret_organization, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    *ret_known = true;
    if (named != NULL) {
        *ret_organization = *named;
        return ERR_OK;
    }
    if (MESSAGE_HAS(caller, &c->caller, organization)) {
        *ret_organization = c->caller.organization;
        return ERR_OK;
    }
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, c->caller.user);
    enum err_code rc =
        pg_exec(s, &SQL_CALLER_ORGANIZATIONS, &p, co_after(COMMAND_DB_MS), c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    if (pg_row_count(r) == 1) {
        *ret_organization = pg_get_uuid(r, 0, 0);
        return ERR_OK;
    }
    *ret_known = false;
    return command_refuse(c, 400, "organization_required",
                          "Say which organisation it is about: organization_id is missing.");
}

enum err_code command_may(struct command *c, struct pg_session *s, struct uuid organization,
                          const char *permission, bool *ret_may, struct err *err)
{
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, c->caller.user);
    pg_add_uuid(&p, organization);
    pg_add_text(&p, str_c(permission));
    enum err_code rc = pg_exec(s, &SQL_CALLER_MAY, &p, co_after(COMMAND_DB_MS), c->arena, &r, err);
    if (rc != ERR_OK) {
        return rc;
    }
    *ret_may = pg_get_bool(r, 0, 0);
    if (!*ret_may) {
        return command_refuse(c, 403, "permission_denied",
                              "This takes the permission %s in that organisation.", permission);
    }
    return ERR_OK;
}

enum err_code command_produce_sync(struct worker *w, struct uuid account,
                                   enum message_sync_reason reason, struct err *err)
{
    struct buf value CLEANUP(buf_fini);
    struct message_sync sync = {.account = account, .calendar = 0, .reason = reason};
    buf_init(&value, 1024);
    MESSAGE_SET(sync, &sync, asked_at, co_wall_now());
    enum err_code rc = message_encode(MESSAGE_sync, &sync, &value, err);
    if (rc != ERR_OK) {
        return rc;
    }
    char traceparent[TRACEPARENT_LEN + 1];
    struct kafka_header header = {"traceparent", request_context_traceparent(traceparent)};
    return kafka_produce(w->producer,
                         &(struct kafka_message){.topic = TOPIC_SYNC,
                                                 .partition = -1,
                                                 .key = uuid_bytes(&account),
                                                 .value = buf_str(&value),
                                                 .headers = &header,
                                                 .header_count = 1},
                         co_after(5000), err);
}

/* What went wrong here, in the caller's terms: nothing of it is theirs to mend. */
static void answer_failure(struct command *c, const char *name, const struct err *err)
{
    bool passes = err->act == ERR_ACT_RETRY || err->code == ERR_TIMEOUT ||
                  err->code == ERR_UNAVAILABLE || err->code == ERR_BUSY || err->code == ERR_IO ||
                  err->code == ERR_CLOSED || err->code == ERR_CANCELED || err->code == ERR_CONFLICT;
    LOG_ERROR("command.failed", "a request about connections could not be served",
              F_C("command", name), F_ERR(err));
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
        rc = handlers[i].run(c, message, &why);
        if (rc == ERR_OK) {
            rc = buf_ok(&c->body, &why);
        }
        if (rc != ERR_OK) {
            answer_failure(c, handlers[i].name, &why);
        }
        LOG_INFO("command.done", "a request about connections was served",
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
    enum err_code rc = message_encode(MESSAGE_reply, &message, &payload, err);
    if (rc != ERR_OK) {
        return rc;
    }
    return kafka_rpc_reply(c->worker->rpc, request, buf_str(&payload), co_after(REPLY_MS), err);
}

/* Only a signed-in user has connections. */
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

static enum kafka_verdict serve(struct worker *w, const struct kafka_rpc_request *request,
                                struct arena *arena, struct request_context *context,
                                struct err *err)
{
    struct command c = {.worker = w, .arena = arena};
    struct err why;
    buf_init(&c.body, COMMAND_BODY_MAX);
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

static enum kafka_verdict open_and_serve(struct worker *w, struct kafka_run *run,
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

const struct kafka_engine_ops commands_engine_ops = {.classify = classify, .run = run_command};
