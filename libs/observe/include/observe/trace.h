/* W3C trace context.  src: https://www.w3.org/TR/trace-context/ sections 3.2, 4 */
#ifndef OBSERVE_TRACE_H
#define OBSERVE_TRACE_H

#include "base/str.h"

#define TRACEPARENT_LEN 55

struct trace {
    uint8_t trace_id[16];
    uint8_t span_id[8];
    uint8_t flags;
};

/* A new trace with random ids. */
struct trace trace_new(void);
/* The same trace with a new span: for a call that goes out or work that begins. */
struct trace trace_child(const struct trace *parent);
/* False on anything that section 3.2 does not allow: start a new trace then. */
bool trace_parse(struct str traceparent, struct trace *ret_trace);
struct str trace_print(const struct trace *t, char out[TRACEPARENT_LEN + 1]);

#endif
