/* What a coroutine does its work for: the request or record that it serves. It travels with the
 * coroutine (co_local) into those that it spawns, gives every log line its trace id, and every
 * call that goes out its traceparent. */
#ifndef SERVICE_CONTEXT_H
#define SERVICE_CONTEXT_H

#include "base/uuid.h"
#include "observe/trace.h"

struct request_context {
    struct trace trace;
    struct uuid request_id; /* what the caller is told to quote */
};

/* Fills ctx and makes it the running coroutine's: a span of the caller's trace, or a new trace if
 * traceparent is empty or malformed; a new request id.
 * owns: ctx must live until request_context_end, and until the coroutines spawned meanwhile have
 * ended (those of a group that this coroutine joins). */
void request_context_begin(struct request_context *ctx, struct str traceparent);
/* For a coroutine that goes on to other work, and for one that was spawned to outlive the request.
 */
void request_context_end(void);

/* The running coroutine's; NULL if there is none, or no coroutine runs. */
const struct request_context *request_context_current(void);

/* The traceparent of a call that goes out now: the current trace, with a new span. A new trace
 * where there is none. Returns out as a str. */
struct str request_context_traceparent(char out[TRACEPARENT_LEN + 1]);

#endif
