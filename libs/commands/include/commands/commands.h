/* From a sealed record to a handler, and back to a reply: the answering side of requests.
 *
 * A record is opened once, its caller read, its message decoded by a table, the handler run, the
 * answer sealed and sent. A command that was begun is answered once and its record acknowledged,
 * whatever became of it; what must be brought to an end all the same has a ledger of its own. What
 * is forged or can never be read goes to the dead letters; what came too late is told so. */
#ifndef COMMANDS_COMMANDS_H
#define COMMANDS_COMMANDS_H

#include "kafka/engine.h"
#include "kafka/rpc.h"
#include "messages/messages.h"
#include "postgres/postgres.h"

/* An answer's bound: what a reply on the bus can carry, less its envelope. */
#define COMMAND_BODY_MAX (KAFKA_RPC_PAYLOAD_MAX - 4096)

/* What one transaction or one statement of a command may take. */
#define COMMAND_DB_MS 15000

/* One request while it is served, and its answer. */
struct command {
    void *ctx; /* the service's */
    struct arena *arena;
    struct message_caller caller; /* a signed-in user */
    int64_t deadline;             /* until then the asker waits */
    int status;                   /* HTTP; 0: no answer yet */
    struct buf body;              /* JSON */
    int64_t retry_after_ms;       /* 0: not said */
};

/* Answers, also to say no, and returns ERR_OK; or fails, and then the caller is told that it could
 * not be done (503 where it may pass, else 500).
 * in: message: the struct message_x of the handler's type. */
typedef CO_FN enum err_code (*command_fn)(struct command *c, const void *message, struct err *err);

struct command_handler {
    int type;
    size_t size; /* of its struct */
    command_fn run;
    const char *name; /* for logs */
};
#define COMMAND_HANDLER(message, fn, name)                                                         \
    {                                                                                              \
        MESSAGE_##message, sizeof(struct message_##message), (fn), (name)                          \
    }

struct command_service {
    const struct command_handler *handlers;
    size_t handler_count;
    /* Told of each answer before it is sent; NULL: not told. */
    void (*answered)(const struct command *c, const char *name, int64_t ms);
    const char *before_reply; /* a failpoint between the work and its answer; NULL: none */
};

/* Serves run->record. For struct kafka_engine_ops.run. */
CO_FN enum kafka_verdict command_serve(const struct command_service *service, void *ctx,
                                       struct kafka_rpc_server *rpc, struct kafka_run *run,
                                       struct err *err);

/* Answers {"error": {"code", "message"}}; ERR_OK, so that a refusal is one line. code: stable; the
 * text is for people and holds nothing that was sent. */
enum err_code command_refuse(struct command *c, int status, const char *code, const char *fmt, ...)
    PRINTF_LIKE(4, 5);
/* The body of a refusal alone, for an answer that is kept. */
struct str command_refusal(struct arena *arena, const char *code, const char *message);

/* The organisation that a request is about: the one that it names (NULL: none), else the token's,
 * else the only one of the caller. False: the command is answered (organization_required).
 * errs: Postgres's. */
CO_FN MUST_CHECK enum err_code command_organization(struct command *c, struct pg_session *s,
                                                    const struct uuid *named, bool *ret_known,
                                                    struct uuid *ret_organization, struct err *err);
/* Whether the caller may, in the running transaction. False: the command is answered
 * (permission_denied). errs: Postgres's. */
CO_FN MUST_CHECK enum err_code command_may(struct command *c, struct pg_session *s,
                                           struct uuid organization, const char *permission,
                                           bool *ret_may, struct err *err);

#endif
