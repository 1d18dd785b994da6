/* Requests of the bus: struct kafka_engine_ops of calendar.freebusy.requests. */
#ifndef FREEBUSY_SERVE_H
#define FREEBUSY_SERVE_H

#include "freebusy.h"
#include "kafka/engine.h"
#include "kafka/rpc.h"

struct fb_server {
    struct freebusy core;
    struct kafka_rpc_server *rpc;
};

extern const struct kafka_engine_ops fb_engine_ops; /* ctx: struct fb_server */

#endif
