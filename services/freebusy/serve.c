#include "serve.h"

#include "observe/log.h"
#include "observe/metric.h"
#include "runtime/failpoint.h"
#include "service/context.h"

#include <stdio.h>

/* What a reply holds, less its envelope. */
#define BODY_MAX_BYTES (KAFKA_RPC_PAYLOAD_MAX - 4096)
#define REPLY_MS 5000

static enum err_code reply(struct fb_server *srv, const struct kafka_rpc_request *request,
                           const struct freebusy_answer *answer, struct err *err)
{
    struct buf payload CLEANUP(buf_fini);
    struct message_reply m = {.status = (uint64_t)answer->status};
    char label[8];

    buf_init(&payload, KAFKA_RPC_PAYLOAD_MAX);
    MESSAGE_SET(reply, &m, body, buf_str(&answer->body));
    if (answer->retry_after_ms > 0) {
        MESSAGE_SET(reply, &m, retry_after_ms, (uint64_t)answer->retry_after_ms);
    }
    snprintf(label, sizeof label, "%d", answer->status);
    metric_inc(METRIC_FREEBUSY_ANSWERS, label);
    enum err_code rc = message_encode(MESSAGE_reply, &m, &payload, err);
    if (rc == ERR_OK) {
        rc = failpoint("freebusy.before_reply", err);
    }
    if (rc == ERR_OK) {
        rc = kafka_rpc_reply(srv->rpc, request, buf_str(&payload), co_after(REPLY_MS), err);
    }
    return rc;
}

/* errs: ERR_PROTO: it can never be read. */
static enum err_code decode(const struct kafka_rpc_request *request, struct arena *arena,
                            struct message_caller *caller, struct message_freebusy *question,
                            struct err *err)
{
    enum err_code rc = message_decode(MESSAGE_caller, request->caller, arena, caller, err);
    if (rc == ERR_OK) {
        rc = message_decode(MESSAGE_freebusy, request->payload, arena, question, err);
    }
    return rc;
}

static enum kafka_verdict serve(struct fb_server *srv, const struct kafka_rpc_request *request,
                                struct arena *arena, struct request_context *context,
                                struct err *err)
{
    struct message_caller caller = {0};
    struct message_freebusy question = {0};
    struct freebusy_answer answer = {0};
    struct err why = {0};

    if (decode(request, arena, &caller, &question, err) != ERR_OK) {
        return KAFKA_DEAD;
    }
    context->request_id = caller.request_id;
    buf_init(&answer.body, BODY_MAX_BYTES);
    freebusy_answer(&srv->core, &caller, &question, co_after(request->deadline_at - co_wall_now()),
                    arena, &answer);
    LOG_DEBUG("freebusy.done", "a question was answered", F_I64("status", answer.status),
              F_UUID("request", caller.request_id));
    if (reply(srv, request, &answer, &why) != ERR_OK) {
        LOG_WARN("freebusy.reply.lost", "an answer was not delivered; the caller may ask again",
                 F_UUID("request", caller.request_id), F_ERR(&why));
    }
    buf_fini(&answer.body);
    return KAFKA_DONE;
}

static enum kafka_verdict open_and_serve(struct fb_server *srv, struct kafka_run *run,
                                         struct arena *arena, struct err *err)
{
    struct kafka_rpc_request request = {0};
    struct request_context context;
    char traceparent[TRACEPARENT_LEN + 1];
    enum kafka_verdict verdict = KAFKA_DONE;
    struct err why = {0};

    enum err_code rc =
        kafka_rpc_request_open(srv->rpc, run->record, co_wall_now(), arena, &request, err);
    request_context_begin(&context,
                          run->has_trace ? trace_print(&run->trace, traceparent) : STR(""));
    if (rc == ERR_OK) {
        verdict = serve(srv, &request, arena, &context, err);
    } else if (rc == ERR_EXPIRED) {
        if (kafka_rpc_reply_expired(srv->rpc, &request, co_after(REPLY_MS), &why) != ERR_OK) {
            LOG_WARN("freebusy.reply.lost", "a refusal of what came too late was not delivered",
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

static enum kafka_verdict run_question(void *ctx, struct kafka_run *run, struct err *err)
{
    struct arena arena;
    arena_init(&arena);
    enum kafka_verdict verdict = open_and_serve(ctx, run, &arena, err);
    arena_fini(&arena);
    return verdict;
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
