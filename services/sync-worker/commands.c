/* Requests about connections: which handler serves what, and what the handlers share.
 *
 * A command that was begun is answered once and acknowledged, whatever became of it: most can be
 * asked again, and the one that cannot (the exchange) remembers by itself that it was begun. */
#include "commands.h"

#include "messages/topics.h"
#include "service/context.h"
#include <time.h>

static const struct command_handler handlers[] = {
    COMMAND_HANDLER(connections_list, command_list, "list"),
    COMMAND_HANDLER(oauth_start, command_oauth_start, "oauth_start"),
    COMMAND_HANDLER(oauth_exchange, command_oauth_exchange, "oauth_exchange"),
    COMMAND_HANDLER(connection_patch, command_patch, "patch"),
    COMMAND_HANDLER(connection_delete, command_delete, "delete"),
    COMMAND_HANDLER(sync_now, command_sync_now, "sync_now"),
};

static const struct command_service connections = {.handlers = handlers,
                                                   .handler_count = ARRAY_LEN(handlers)};

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
    return kafka_produce(w->parts.producer,
                         &(struct kafka_message){.topic = TOPIC_SYNC,
                                                 .partition = -1,
                                                 .key = uuid_bytes(&account),
                                                 .value = buf_str(&value),
                                                 .headers = &header,
                                                 .header_count = 1},
                         co_after(5000), err);
}

static enum kafka_verdict run_command(void *ctx, struct kafka_run *run, struct err *err)
{
    struct worker *w = ctx;
    return command_serve(&connections, w, w->parts.rpc, run, err);
}

static enum kafka_class classify(void *ctx UNUSED, const struct kafka_record *record UNUSED,
                                 struct kafka_core_item *item, const char **ret_error_class UNUSED)
{
    item->priority = KAFKA_INTERACTIVE;
    return KAFKA_CLASS_WORK;
}

const struct kafka_engine_ops commands_engine_ops = {.classify = classify, .run = run_command};
