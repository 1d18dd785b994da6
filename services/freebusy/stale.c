#include "freebusy.h"
#include "messages/messages.h"
#include "messages/topics.h"
#include "observe/log.h"
#include "runtime/failpoint.h"
#include "service/context.h"

#define TOLD_FOR_MS 30000
#define PRODUCE_MS 5000

struct notice {
    struct freebusy *fb;
    struct uuid account;
    int64_t calendar;
    char traceparent[TRACEPARENT_LEN + 1]; /* of the question, which may end before */
};

static enum err_code produce(const struct notice *n, struct err *err)
{
    struct buf value CLEANUP(buf_fini);
    struct message_sync m = {
        .account = n->account, .calendar = n->calendar, .reason = MESSAGE_SYNC_STALE};
    buf_init(&value, 1024);
    MESSAGE_SET(sync, &m, asked_at, co_wall_now());
    enum err_code rc = message_encode(MESSAGE_sync, &m, &value, err);
    if (rc == ERR_OK) {
        rc = failpoint("freebusy.before_stale", err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    struct kafka_header header = {"traceparent", str_c(n->traceparent)};
    return kafka_produce(n->fb->producer,
                         &(struct kafka_message){.topic = TOPIC_SYNC,
                                                 .partition = -1,
                                                 .key = uuid_bytes(&n->account),
                                                 .value = buf_str(&value),
                                                 .headers = &header,
                                                 .header_count = 1},
                         co_after(PRODUCE_MS), err);
}

static void notice_entry(void *arg)
{
    struct notice *n = arg;
    struct err err = {0};
    request_context_end(); /* the question's */
    if (produce(n, &err) != ERR_OK) {
        /* Nothing is lost by it: the calendar is in the due table as well. */
        LOG_WARN("freebusy.stale.untold", "calendar.sync was not told of a stale calendar",
                 F_I64("cal", n->calendar), F_ERR(&err));
    }
    free(n);
}

void fb_stale_tell(struct freebusy *fb, struct uuid account, int64_t calendar)
{
    size_t slot = (size_t)calendar % FB_STALE_SLOTS;
    int64_t now = co_now();
    bool told = fb->stale[slot].calendar == calendar && now < fb->stale[slot].told_at + TOLD_FOR_MS;
    if (fb->producer == NULL || told) {
        return;
    }
    struct notice *n = xcalloc(1, sizeof *n);
    *n = (struct notice){.fb = fb, .account = account, .calendar = calendar};
    request_context_traceparent(n->traceparent);
    if (co_spawn(fb->group, "freebusy.stale", notice_entry, n, NULL) != ERR_OK) {
        free(n);
        return;
    }
    fb->stale[slot].calendar = calendar;
    fb->stale[slot].told_at = now;
}
