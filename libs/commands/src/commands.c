#include "commands/commands.h"

#include "observe/log.h"
#include "runtime/failpoint.h"
#include "service/context.h"
#include "json/write.h"

#include <stdio.h>

#define REPLY_MS 10000
#define RETRY_AFTER_MS 2000

/* ---- answers --------------------------------------------------------------------------------- */

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

struct str command_refusal(struct arena *arena, const char *code, const char *message)
{
    struct buf out CLEANUP(buf_fini);
    buf_init(&out, 4096);
    write_refusal(&out, code, message);
    return arena_str(arena, buf_str(&out));
}

/* What went wrong here, in the caller's terms: nothing of it is theirs to mend. */
static void answer_failure(struct command *c, const char *name, const struct err *err)
{
    bool passes = err->act == ERR_ACT_RETRY || err->code == ERR_TIMEOUT ||
                  err->code == ERR_UNAVAILABLE || err->code == ERR_BUSY || err->code == ERR_IO ||
                  err->code == ERR_CLOSED || err->code == ERR_CANCELED || err->code == ERR_CONFLICT;
    LOG_ERROR("command.failed", "a request could not be served", F_C("command", name), F_ERR(err));
    if (passes) {
        command_refuse(c, 503, "unavailable", "This cannot be done at the moment. Try again.");
        c->retry_after_ms = MAX(RETRY_AFTER_MS, err->retry_after_ms);
    } else {
        command_refuse(c, 500, "internal", "Something went wrong here. It has been logged.");
    }
}

static enum err_code reply(const struct command_service *service, const struct command *c,
                           struct kafka_rpc_server *rpc, const struct kafka_rpc_request *request,
                           struct err *err)
{
    struct buf payload CLEANUP(buf_fini);
    struct message_reply message = {.status = (uint64_t)c->status};
    buf_init(&payload, KAFKA_RPC_PAYLOAD_MAX);
    MESSAGE_SET(reply, &message, body, buf_str(&c->body));
    if (c->retry_after_ms > 0) {
        MESSAGE_SET(reply, &message, retry_after_ms, (uint64_t)c->retry_after_ms);
    }
    enum err_code rc =
        service->before_reply != NULL ? failpoint(service->before_reply, err) : ERR_OK;
    if (rc == ERR_OK) {
        rc = message_encode(MESSAGE_reply, &message, &payload, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    return kafka_rpc_reply(rpc, request, buf_str(&payload), co_after(REPLY_MS), err);
}

/* ---- requests -------------------------------------------------------------------------------- */

/* errs: ERR_PROTO: it can never be read. */
static enum err_code dispatch(const struct command_service *service, struct command *c,
                              struct str payload, struct err *err)
{
    int type;
    enum err_code rc = message_type(payload, &type, err);
    if (rc != ERR_OK) {
        return rc;
    }
    for (size_t i = 0; i < service->handler_count; i++) {
        const struct command_handler *h = &service->handlers[i];
        if (h->type != type) {
            continue;
        }
        struct err why = {0};
        int64_t began = co_now();
        void *message = arena_zalloc(c->arena, h->size);
        rc = message_decode(type, payload, c->arena, message, err);
        if (rc != ERR_OK) {
            return rc;
        }
        rc = h->run(c, message, &why);
        if (rc == ERR_OK) {
            rc = buf_ok(&c->body, &why);
        }
        if (rc != ERR_OK) {
            answer_failure(c, h->name, &why);
        }
        if (service->answered != NULL) {
            service->answered(c, h->name, co_now() - began);
        }
        LOG_INFO("command.done", "a request was served", F_C("command", h->name),
                 F_I64("status", c->status), F_UUID("request", c->caller.request_id));
        return ERR_OK;
    }
    return ERR_SET(err, ERR_PROTO, "message type %d is none of this topic's", type);
}

/* Only a signed-in user asks; the service role has no calendar. */
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

static enum kafka_verdict serve(const struct command_service *service, struct command *c,
                                struct kafka_rpc_server *rpc,
                                const struct kafka_rpc_request *request,
                                struct request_context *context, struct err *err)
{
    struct err why;
    buf_init(&c->body, COMMAND_BODY_MAX);
    enum err_code rc = read_caller(c, request->caller, err);
    if (rc == ERR_OK) {
        context->request_id = c->caller.request_id;
        rc = dispatch(service, c, request->payload, err);
    }
    if (rc == ERR_OK && reply(service, c, rpc, request, &why) != ERR_OK) {
        LOG_WARN("command.reply.lost", "an answer was not delivered; the caller may ask again",
                 F_UUID("request", c->caller.request_id), F_ERR(&why));
    }
    buf_fini(&c->body);
    return rc == ERR_OK ? KAFKA_DONE : KAFKA_DEAD;
}

enum kafka_verdict command_serve(const struct command_service *service, void *ctx,
                                 struct kafka_rpc_server *rpc, struct kafka_run *run,
                                 struct err *err)
{
    struct arena arena CLEANUP(arena_fini);
    struct kafka_rpc_request request = {0};
    struct request_context context;
    char traceparent[TRACEPARENT_LEN + 1];
    enum kafka_verdict verdict = KAFKA_DONE;
    struct err why;

    arena_init(&arena);
    enum err_code rc =
        kafka_rpc_request_open(rpc, run->record, co_wall_now(), &arena, &request, err);
    request_context_begin(&context,
                          run->has_trace ? trace_print(&run->trace, traceparent) : STR(""));
    if (rc == ERR_OK) {
        struct command c = {
            .ctx = ctx, .arena = &arena, .deadline = co_after(request.deadline_at - co_wall_now())};
        verdict = serve(service, &c, rpc, &request, &context, err);
    } else if (rc == ERR_EXPIRED) {
        if (kafka_rpc_reply_expired(rpc, &request, co_after(REPLY_MS), &why) != ERR_OK) {
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
