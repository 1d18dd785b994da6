/* Rows of the ledger. The same key with the same request gives the same answer, whenever and
 * however often it is asked. */
#include "base/encode.h"
#include "base/hash.h"
#include "messages/topics.h"
#include "scheduler.h"
#include "scheduler/sql.h"

#define LOOK_MS 200 /* how often a command that is under way is looked at */
/* A lease outlives the provider's call by what the transactions around it may take. */
#define LEASE_MARGIN_MS 5000

int64_t ledger_lease_ms(const struct scheduler *w)
{
    return w->conf->provider_timeout + LEASE_MARGIN_MS;
}

/* Whole, so that a successor carries on from here: the message as it came, and what was resolved.
 */
static struct str request_json(struct command *c, const struct ledger_entry *entry,
                               struct str message)
{
    struct buf text CLEANUP(buf_fini);
    struct buf out CLEANUP(buf_fini);
    buf_init(&text, (size_t)2 * MESSAGE_MAX_BYTES);
    buf_init(&out, (size_t)2 * MESSAGE_MAX_BYTES);
    base64_encode(&text, message);
    struct json_writer w = {.out = &out};
    json_open(&w, '{');
    json_member_i64(&w, "type", entry->type);
    json_member_str(&w, "message", buf_str(&text));
    if (entry->start_at != 0) {
        json_member_i64(&w, "start_at", entry->start_at);
        json_member_i64(&w, "end_at", entry->end_at);
    }
    json_close(&w, '}');
    return arena_str(c->arena, buf_str(&out));
}

enum err_code ledger_insert(struct command *c, struct pg_session *s,
                            const struct ledger_entry *entry, bool *ret_new, struct err *err)
{
    struct buf bytes CLEANUP(buf_fini);
    const struct pg_result *r;
    struct pg_params p;
    struct str hash;
    buf_init(&bytes, MESSAGE_MAX_BYTES);
    enum err_code rc = plan_request_hash(entry->type, entry->message, c->arena, &hash, err);
    if (rc == ERR_OK) {
        rc = message_encode(entry->type, entry->message, &bytes, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, entry->id);
    pg_add_uuid(&p, entry->organization);
    pg_add_uuid(&p, c->caller.user);
    pg_add_text(&p, entry->key);
    pg_add_bytea(&p, hash);
    pg_add_text(&p, str_c(entry->kind));
    pg_add_json(&p, request_json(c, entry, buf_str(&bytes)));
    pg_add_uuid(&p, entry->connection);
    pg_add_i64(&p, hash_murmur2(uuid_bytes(&entry->connection)) % TOPIC_SHARDS);
    pg_add_i64(&p, ledger_lease_ms(command_scheduler(c)));
    rc = pg_exec(s, &SQL_COMMAND_INSERT, &p, co_after(DB_MS), c->arena, &r, err);
    if (rc == ERR_OK) {
        *ret_new = pg_row_count(r) == 1;
    }
    return rc;
}

enum err_code ledger_held(struct command *c, struct pg_session *s, struct uuid id,
                          const struct slots *slots, size_t holds, struct err *err)
{
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, id);
    pg_add_uuid(&p, slots->meeting);
    if (holds == HOLDS_AS_BEFORE) {
        pg_add_null(&p);
    } else {
        pg_add_i64(&p, (int64_t)holds);
    }
    pg_add_bool(&p, slots->overridden);
    return pg_exec(s, &SQL_COMMAND_HELD, &p, co_after(DB_MS), c->arena, NULL, err);
}

enum err_code ledger_claim(struct scheduler *w, struct uuid id, struct arena *arena,
                           int32_t *ret_attempts, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, arena);
    pg_add_uuid(&p, id);
    pg_add_i64(&p, ledger_lease_ms(w));
    enum err_code rc = pg_acquire(w->parts.pool, co_after(DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_COMMAND_CLAIM, &p, co_after(DB_MS), arena, &r, err);
    }
    if (rc == ERR_OK) {
        *ret_attempts = pg_row_count(r) == 1 ? (int32_t)pg_get_i64(r, 0, 0) : 0;
    }
    return rc;
}

/* ---- the same key again --------------------------------------------------------------------- */

struct earlier {
    bool there;
    bool overdue;
    struct uuid id;
    struct str hash;
    int status; /* 0: it is under way */
    struct str answer;
};

static CO_FN enum err_code find(struct command *c, const struct ledger_entry *entry,
                                struct earlier *ret_earlier, struct err *err)
{
    struct pg_session *s CLEANUP(pg_release_ptr) = NULL;
    const struct pg_result *r;
    struct pg_params p;
    pg_params_init(&p, c->arena);
    pg_add_uuid(&p, entry->organization);
    pg_add_uuid(&p, c->caller.user);
    pg_add_text(&p, entry->key);
    enum err_code rc = pg_acquire(command_scheduler(c)->parts.pool, co_after(DB_MS), &s, err);
    if (rc == ERR_OK) {
        rc = pg_exec(s, &SQL_COMMAND_FIND, &p, co_after(DB_MS), c->arena, &r, err);
    }
    if (rc != ERR_OK) {
        return rc;
    }
    *ret_earlier = (struct earlier){.there = pg_row_count(r) == 1};
    if (ret_earlier->there) {
        *ret_earlier = (struct earlier){.there = true,
                                        .id = pg_get_uuid(r, 0, 0),
                                        .hash = pg_get_bytea(r, 0, 1),
                                        .status = (int)pg_get_i64(r, 0, 2),
                                        .answer = pg_get_str(r, 0, 3),
                                        .overdue = pg_get_bool(r, 0, 4)};
    }
    return ERR_OK;
}

static enum err_code give(struct command *c, int status, struct str answer)
{
    buf_reset(&c->body);
    buf_add(&c->body, answer);
    c->status = status;
    return ERR_OK;
}

enum err_code ledger_answer(struct command *c, int status, struct str answer)
{
    if (status != 0) {
        return give(c, status, answer);
    }
    c->retry_after_ms = 2000;
    return command_refuse(c, 503, "in_progress",
                          "It is accepted and under way. Ask again with the same key.");
}

enum err_code ledger_repeat(struct command *c, const struct ledger_entry *entry, struct err *err)
{
    struct earlier e;
    struct str hash;
    enum err_code rc = plan_request_hash(entry->type, entry->message, c->arena, &hash, err);
    if (rc != ERR_OK) {
        return rc;
    }
    while ((rc = find(c, entry, &e, err)) == ERR_OK) {
        int32_t attempts = 0;
        if (!e.there) {
            break; /* it was refused in the meantime, for a reason that may have passed */
        }
        if (!str_eq(e.hash, hash)) {
            return command_refuse(c, 409, "idempotency_key_reused",
                                  "This idempotency key was used for another request.");
        }
        if (e.status != 0) {
            return give(c, e.status, e.answer);
        }
        if (e.overdue) {
            rc = ledger_claim(command_scheduler(c), e.id, c->arena, &attempts, err);
        }
        if (rc == ERR_OK && attempts > 0) {
            int status;
            struct str answer;
            rc = settle(command_scheduler(c), e.id, attempts, c->arena, &status, &answer, err);
            if (rc == ERR_OK) {
                return ledger_answer(c, status, answer);
            }
            rc = rc == ERR_CONFLICT ? ERR_OK : rc; /* another scheduler was faster */
        }
        if (rc == ERR_OK && co_now() + LOOK_MS >= c->deadline) {
            break;
        }
        if (rc == ERR_OK) {
            rc = co_sleep(LOOK_MS, err);
        }
        if (rc != ERR_OK) {
            return rc;
        }
    }
    return rc == ERR_OK ? ledger_answer(c, 0, STR("")) : rc;
}
