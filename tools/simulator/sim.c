#include "simulator/sim.h"

#include "simulator/admin.h"
#include "simulator/google/google.h"
#include "simulator/pages.h"

#include <zlib.h>

/* Smaller answers are not worth a deflate state. */
#define GZIP_MIN_BYTES 1024

void sim_init(struct sim *s, const struct sim_settings *settings, int64_t (*wall)(void))
{
    *s = (struct sim){.settings = *settings, .clock = {.wall = wall}, .random = settings->seed};
    journal_init(&s->journal);
    pushes_init(&s->pushes);
    s->google = google_new(s);
}

void sim_fini(struct sim *s)
{
    google_free(s->google);
    faults_clear(&s->faults);
    journal_fini(&s->journal);
}

void sim_reset(struct sim *s)
{
    google_reset(s->google);
    faults_clear(&s->faults);
    journal_clear(&s->journal);
    pushes_reset(&s->pushes);
    s->clock.offset_ms = 0;
    s->random = s->settings.seed;
}

int64_t sim_now(const struct sim *s)
{
    return sim_clock_now(&s->clock);
}

/* SplitMix64.  src: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014 */
uint32_t sim_random(struct sim *s)
{
    uint64_t z = (s->random += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return (uint32_t)((z ^ (z >> 31)) >> 16);
}

/* ---- faults -------------------------------------------------------------------------------- */

/* What is needed of a rule after it may be gone. */
struct ordered {
    bool any;
    int64_t id;
    enum fault_kind kind;
    int status;
    struct str reason;
    int64_t retry_after_s;
};

static struct ordered order_fault(struct sim *s, const struct sim_request *rq, struct str account,
                                  int64_t *ret_delay_ms)
{
    *ret_delay_ms = 0;
    if (s->faults.first == NULL) {
        return (struct ordered){0};
    }
    const struct fault_call call = {
        .method = rq->method,
        .path = rq->path,
        .account = account,
        .dice = sim_random(s) % 100,
    };
    const struct fault *rule = faults_match(&s->faults, &call, ret_delay_ms);
    if (rule == NULL) {
        return (struct ordered){0};
    }
    struct ordered ordered = {
        .any = true,
        .id = rule->id,
        .kind = rule->kind,
        .status = (int)rule->status,
        .reason = rule->reason != NULL ? arena_str(rq->arena, str_c(rule->reason)) : STR(""),
        .retry_after_s = rule->retry_after_s,
    };
    faults_hit(&s->faults, rule->id);
    return ordered;
}

/* In the place of the service. */
static void fault_answer(struct sim *s, const struct sim_request *rq, struct sim_reply *rp,
                         const struct ordered *f)
{
    static const char page[] = "<html><head><title>502 Bad Gateway</title></head>\n"
                               "<body><h1>502 Bad Gateway</h1></body></html>\n";
    switch ((int)f->kind) {
    case FAULT_dark:
        sim_reply_text(rp, f->status != 0 ? f->status : 503, NULL, STR(""));
        break;
    case FAULT_html:
        sim_reply_text(rp, f->status != 0 ? f->status : 502, "text/html; charset=UTF-8",
                       str_c(page));
        break;
    case FAULT_hang:
        rp->wire = SIM_WIRE_HANG;
        break;
    case FAULT_refuse:
        rp->wire = SIM_WIRE_RESET;
        break;
    default:
        google_fault(s->google, rq, rp, f->kind, f->status,
                     f->reason.len > 0 ? f->reason.ptr : NULL, f->retry_after_s);
    }
}

/* To the answer of the service. */
static void fault_spoil(struct sim_reply *rp, const struct ordered *f)
{
    switch ((int)f->kind) {
    case FAULT_reset:
        rp->wire = SIM_WIRE_RESET;
        break;
    case FAULT_lost:
        rp->wire = SIM_WIRE_HANG;
        break;
    case FAULT_truncate:
        rp->wire = SIM_WIRE_TRUNCATE;
        break;
    case FAULT_garble:
        rp->status = 200;
        rp->body.len /= 2;
        break;
    default:
        break;
    }
}

/* ---- answers ------------------------------------------------------------------------------- */

static void compress_reply(const struct sim_request *rq, struct sim_reply *rp)
{
    struct buf packed;
    z_stream z = {0};
    if (rp->body.len < GZIP_MIN_BYTES || rp->body.len > INT32_MAX ||
        str_find(sim_request_header(rq, "accept-encoding"), STR("gzip")) == SIZE_MAX ||
        str_find(sim_request_header(rq, "user-agent"), STR("gzip")) == SIZE_MAX ||
        deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        return;
    }
    size_t bound = deflateBound(&z, rp->body.len);
    buf_init(&packed, bound + 1);
    z.next_in = (unsigned char *)rp->body.ptr;
    z.avail_in = (unsigned)rp->body.len;
    z.next_out = (unsigned char *)buf_reserve(&packed, bound);
    z.avail_out = (unsigned)bound;
    BUG_ON(deflate(&z, Z_FINISH) != Z_STREAM_END);
    buf_used(&packed, bound - z.avail_out);
    deflateEnd(&z);
    buf_fini(&rp->body);
    rp->body = packed;
    sim_reply_header(rp, rq->arena, "Content-Encoding", STR("gzip"));
}

static bool carries_secrets(struct str path)
{
    return str_eq_c(path, "/token") || str_eq_c(path, "/revoke") || str_eq_c(path, "/tokeninfo");
}

static void serve_provider(struct sim *s, const struct sim_request *rq, struct sim_reply *rp)
{
    struct buf unknown;
    struct str account = arena_str(rq->arena, google_account(s->google, rq));
    int64_t delay_ms;
    struct ordered f = order_fault(s, rq, account, &delay_ms);

    buf_init(&unknown, 4096);
    if (f.any && fault_acts_before(f.kind)) {
        fault_answer(s, rq, rp, &f);
    } else {
        google_handle(s->google, rq, rp, &unknown);
        if (f.any) {
            fault_spoil(rp, &f);
        }
    }
    rp->delay_ms += delay_ms;
    journal_add(&s->journal, rq,
                &(struct journal_facts){
                    .at = sim_now(s),
                    .account = account,
                    .unknown = buf_str(&unknown),
                    .status = rp->wire == SIM_WIRE_NORMAL ? rp->status : 0,
                    .secret = carries_secrets(rq->path),
                });
    buf_fini(&unknown);
    compress_reply(rq, rp);
}

void sim_handle(struct sim *s, const struct sim_request *rq, struct sim_reply *rp)
{
    if (google_serves(rq->path)) {
        serve_provider(s, rq, rp);
    } else if (str_starts(rq->path, STR("/admin/"))) {
        admin_handle(s, rq, rp);
    } else {
        pages_handle(s, rq, rp);
    }
}
