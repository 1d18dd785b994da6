#include "service/context.h"

#include "runtime/co.h"

void request_context_begin(struct request_context *ctx, struct str traceparent)
{
    struct trace caller;
    ctx->trace = trace_parse(traceparent, &caller) ? trace_child(&caller) : trace_new();
    ctx->request_id = uuid_random();
    co_set_local(ctx);
}

void request_context_end(void)
{
    co_set_local(NULL);
}

const struct request_context *request_context_current(void)
{
    return co_local();
}

struct str request_context_traceparent(char out[TRACEPARENT_LEN + 1])
{
    const struct request_context *ctx = request_context_current();
    struct trace t = ctx != NULL ? trace_child(&ctx->trace) : trace_new();
    return trace_print(&t, out);
}
