/* Routes that ask a service: the body becomes a message, the reply the answer. */
#include "ingest.h"
#include "messages/messages.h"
#include "observe/log.h"
#include "question.h"
#include "runtime/failpoint.h"

#define CALLER_MAX_BYTES 512

static const struct {
    enum route route;
    question_fn ask;
} questions[] = {
    {ROUTE_SYNC, question_sync_now},
    {ROUTE_OAUTH_START, question_oauth_start},
    {ROUTE_OAUTH_EXCHANGE, question_oauth_exchange},
    {ROUTE_FREEBUSY, question_freebusy},
    {ROUTE_SCHEDULE, question_schedule},
    {ROUTE_CONNECTIONS, question_connections},
    {ROUTE_CONNECTION, question_connection},
    {ROUTE_CONNECTION_PATCH, question_connection_patch},
    {ROUTE_CONNECTION_DELETE, question_connection_delete},
};

static question_fn question_of(enum route route)
{
    for (size_t i = 0; i < ARRAY_LEN(questions); i++) {
        if (questions[i].route == route) {
            return questions[i].ask;
        }
    }
    return NULL;
}

static bool build(struct call *c, const struct message_caller *caller, struct question *ret_q,
                  struct refusal *refusal)
{
    const struct config_list *pages = &c->in->conf->app_return_urls;
    struct asked asked = {
        .body = c->x->body,
        .query = c->x->query,
        .id = c->routed.id,
        .caller = caller,
        .return_urls = pages->items,
        .return_url_count = pages->count,
        .bus_keys = &c->in->bus_keys,
        .now_at = co_wall_now(),
        .arena = c->x->arena,
    };
    http_request_header(c->x, "Idempotency-Key", &asked.idempotency_key);
    question_fn ask = question_of(c->routed.route);
    BUG_ON(ask == NULL);
    return ask(&asked, ret_q, refusal);
}

static enum err_code exchange(struct call *c, const struct question *q, struct str caller,
                              struct buf *reply, struct err *err)
{
    char parent[TRACEPARENT_LEN + 1];
    struct kafka_header header = {"traceparent", request_context_traceparent(parent)};
    struct kafka_rpc_call ask = {
        .topic = q->topic,
        .key = q->key,
        .caller = caller,
        .payload = q->payload,
        .headers = &header,
        .header_count = 1,
    };
    return kafka_rpc_ask(c->in->rpc, &ask, c->begun_at + c->in->conf->request_timeout, reply, err);
}

static void pass_on(struct call *c, struct str bytes)
{
    struct message_reply m = {0};
    struct refusal refusal;
    struct err err = {0};
    enum err_code rc = message_decode(MESSAGE_reply, bytes, c->x->arena, &m, &err);
    if (rc != ERR_OK || m.status < 200 || m.status > 599 || m.retry_after_ms > INT32_MAX) {
        LOG_ERROR("ingest.reply.bad", "a service's reply cannot be passed on", F_ERR(&err));
        refuse(&refusal, 502, "bad_reply", "The answer cannot be passed on.");
        answer_refusal(c, &refusal);
        return;
    }
    answer_json(c, (int)m.status, m.body, (int64_t)m.retry_after_ms);
}

void ask_handle(struct call *c, struct message_caller *caller)
{
    struct refusal refusal;
    struct question q;
    struct err err = {0};
    struct buf who CLEANUP(buf_fini);
    struct buf reply CLEANUP(buf_fini);

    buf_init(&who, CALLER_MAX_BYTES);
    buf_init(&reply, KAFKA_RPC_PAYLOAD_MAX);
    caller->request_id = c->ctx.request_id;
    if (!build(c, caller, &q, &refusal)) {
        answer_refusal(c, &refusal);
        return;
    }
    enum err_code rc = message_encode(MESSAGE_caller, caller, &who, &err);
    if (rc == ERR_OK) {
        rc = exchange(c, &q, buf_str(&who), &reply, &err);
    }
    if (rc == ERR_OK) {
        rc = failpoint("ingest.ask.after_reply", &err);
    }
    if (rc != ERR_OK) {
        LOG_WARN("ingest.ask.failed", "no reply from the service", F_C("topic", q.topic),
                 F_ERR(&err));
        refusal_of_bus(rc, &refusal);
        answer_refusal(c, &refusal);
        return;
    }
    pass_on(c, buf_str(&reply));
}
