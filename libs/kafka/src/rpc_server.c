/* The answering side. */
#include "base/map.h"
#include "base/vec.h"
#include "client_int.h"
#include "kafka/rpc.h"
#include "observe/metric.h"
#include "rpc_wire.h"

/* Requests whose deadline may still come are remembered, so that a copy of one is seen. At this
 * many the oldest are forgotten first. */
#define SEEN_MAX 65536

struct seen {
    struct list node;
    uint8_t id[RPC_INCARNATION_LEN + 8];
    int32_t partition;
    int64_t offset;
    int64_t until;
};

struct kafka_rpc_server {
    struct kafka_rpc_server_opts opts;
    struct rpc_keys keys;
    uint8_t incarnation[RPC_INCARNATION_LEN];
    uint64_t counter;
    struct map seen;
    struct list seen_order;
};

struct kafka_rpc_server *kafka_rpc_server_new(const struct kafka_rpc_server_opts *opts)
{
    struct kafka_rpc_server *s = xcalloc(1, sizeof *s);
    s->opts = *opts;
    crypto_random(s->incarnation, sizeof s->incarnation);
    map_init(&s->seen);
    list_init(&s->seen_order);
    return s;
}

static struct str seen_key(const struct seen *e)
{
    return (struct str){(const char *)e->id, sizeof e->id};
}

static void forget_first(struct kafka_rpc_server *s)
{
    struct seen *e = LIST_ENTRY(list_pop(&s->seen_order), struct seen, node);
    map_remove(&s->seen, seen_key(e));
    free(e);
}

struct kafka_rpc_server *kafka_rpc_server_free(struct kafka_rpc_server *s)
{
    if (s == NULL) {
        return NULL;
    }
    while (!list_empty(&s->seen_order)) {
        forget_first(s);
    }
    map_fini(&s->seen);
    crypto_wipe(&s->keys, sizeof s->keys);
    free(s);
    return NULL;
}

/* ---- requests
 * ------------------------------------------------------------------------------------- */

/* True if the same request was seen at another place of the log. The same place again is Kafka's
 * own redelivery. */
static bool is_replay(struct kafka_rpc_server *s, const struct rpc_request_head *head,
                      const struct kafka_record *record, int64_t now_at)
{
    struct seen *e = xcalloc(1, sizeof *e);
    memcpy(e->id, head->from.incarnation, RPC_INCARNATION_LEN);
    memcpy(e->id + RPC_INCARNATION_LEN, &head->from.counter, 8);
    e->partition = record->partition;
    e->offset = record->offset;
    e->until = head->deadline_at;
    while (!list_empty(&s->seen_order) &&
           (s->seen.len >= SEEN_MAX ||
            LIST_ENTRY(s->seen_order.next, struct seen, node)->until < now_at)) {
        forget_first(s);
    }
    const struct seen *was = map_find(&s->seen, seen_key(e));
    if (was != NULL) {
        bool elsewhere = was->partition != e->partition || was->offset != e->offset;
        free(e);
        return elsewhere;
    }
    map_put(&s->seen, seen_key(e), e);
    list_push(&s->seen_order, &e->node);
    return false;
}

static enum err_code open_sealed(struct kafka_rpc_server *s, const struct kafka_record *record,
                                 struct str caller, struct str header,
                                 const struct rpc_request_head *head, struct arena *arena,
                                 struct str *ret_payload, struct err *err)
{
    struct rpc_bound bound = {
        .header = header, .topic = str_c(record->topic), .key = record->key, .caller = caller};
    struct buf plain CLEANUP(buf_fini);
    buf_init(&plain, KAFKA_RPC_PAYLOAD_MAX);
    enum err_code rc =
        rpc_open(&s->keys, s->opts.bus_keys, &head->from, &bound, record->value, &plain, err);
    if (rc == ERR_OK) {
        *ret_payload = arena_str(arena, buf_str(&plain));
    }
    return rc;
}

enum err_code kafka_rpc_request_open(struct kafka_rpc_server *s, const struct kafka_record *record,
                                     int64_t now_at, struct arena *arena,
                                     struct kafka_rpc_request *ret_request, struct err *err)
{
    struct str header, caller, payload;
    struct rpc_request_head head;
    if (!kafka_record_header(record, RPC_REQUEST_HEADER, &header) ||
        !rpc_request_parse(header, &head) ||
        !kafka_record_header(record, RPC_CALLER_HEADER, &caller) ||
        caller.len > KAFKA_RPC_CALLER_MAX ||
        record->value.len > KAFKA_RPC_PAYLOAD_MAX + CRYPTO_GCM_TAG_LEN) {
        metric_inc(METRIC_KAFKA_RPC_DROPPED, "forged");
        return ERR_SET(err, ERR_PROTO, "not a sealed request");
    }
    enum err_code rc = open_sealed(s, record, caller, header, &head, arena, &payload, err);
    if (rc != ERR_OK) {
        metric_inc(METRIC_KAFKA_RPC_DROPPED, rc == ERR_CONFIG ? "no_key" : "forged");
        return rc;
    }
    if (head.deadline_at > now_at + KAFKA_RPC_DEADLINE_MAX_MS || head.reply_partition < 0) {
        metric_inc(METRIC_KAFKA_RPC_DROPPED, "forged");
        return ERR_SET(err, ERR_PROTO, "a request with an impossible deadline or partition");
    }
    struct kafka_rpc_request request = {.caller = arena_str(arena, caller),
                                        .payload = payload,
                                        .key = arena_str(arena, record->key),
                                        .deadline_at = head.deadline_at,
                                        .reply_partition = head.reply_partition,
                                        .seq = head.from.counter};
    memcpy(request.asker, head.from.incarnation, sizeof request.asker);
    if (head.deadline_at < now_at) {
        *ret_request = request;
        return ERR_SET(err, ERR_EXPIRED, "%lld ms too late",
                       (long long)(now_at - head.deadline_at));
    }
    if (is_replay(s, &head, record, now_at)) {
        metric_inc(METRIC_KAFKA_RPC_DROPPED, "replayed");
        return ERR_SET(err, ERR_EXISTS, "this request came before");
    }
    *ret_request = request;
    return ERR_OK;
}

/* ---- replies
 * -------------------------------------------------------------------------------------- */

static enum err_code send_reply(struct kafka_rpc_server *s, const struct kafka_rpc_request *request,
                                enum rpc_reply_kind kind, struct str payload, int64_t deadline,
                                struct err *err)
{
    const struct crypto_key *bus_key = crypto_keyring_current(s->opts.bus_keys);
    struct rpc_reply_head head = {.from = {.key_id = bus_key->id, .counter = ++s->counter},
                                  .asker_counter = request->seq};
    uint8_t header[RPC_REPLY_LEN];
    if (payload.len > KAFKA_RPC_PAYLOAD_MAX) {
        return ERR_SET(err, ERR_TOO_BIG, "a reply of %zu bytes", payload.len);
    }
    memcpy(head.from.incarnation, s->incarnation, sizeof head.from.incarnation);
    memcpy(head.asker, request->asker, sizeof head.asker);
    rpc_reply_print(&head, header);
    struct rpc_bound bound = {.reply = true,
                              .header = {(const char *)header, sizeof header},
                              .topic = str_c(s->opts.reply_topic),
                              .partition = request->reply_partition};
    struct buf plain CLEANUP(buf_fini);
    struct buf sealed CLEANUP(buf_fini);
    buf_init(&plain, KAFKA_RPC_PAYLOAD_MAX + 1);
    buf_init(&sealed, KAFKA_RPC_PAYLOAD_MAX + 1 + CRYPTO_GCM_TAG_LEN);
    buf_add_char(&plain, (char)kind);
    buf_add(&plain, payload);
    rpc_seal(&s->keys, bus_key, &head.from, &bound, buf_str(&plain), &sealed);
    struct kafka_header headers[] = {{RPC_REPLY_HEADER, bound.header}};
    struct kafka_message message = {.topic = s->opts.reply_topic,
                                    .partition = request->reply_partition,
                                    .value = buf_str(&sealed),
                                    .headers = headers,
                                    .header_count = ARRAY_LEN(headers)};
    return kafka_produce(s->opts.producer, &message, deadline, err);
}

enum err_code kafka_rpc_reply(struct kafka_rpc_server *s, const struct kafka_rpc_request *request,
                              struct str payload, int64_t deadline, struct err *err)
{
    return send_reply(s, request, RPC_REPLY_PAYLOAD, payload, deadline, err);
}

enum err_code kafka_rpc_reply_expired(struct kafka_rpc_server *s,
                                      const struct kafka_rpc_request *request, int64_t deadline,
                                      struct err *err)
{
    return send_reply(s, request, RPC_REPLY_EXPIRED, STR(""), deadline, err);
}
