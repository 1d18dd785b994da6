/* Errors of Postgres and libpq, translated.  src: PostgreSQL 15 documentation, appendix A */
#include "session_int.h"

#include <stdio.h>

static const char DIGITS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

#define STATE_BASE 36
#define STATE_LEN 5

int pg_sqlstate_parse(struct str text)
{
    int state = 0;
    if (text.len != STATE_LEN) {
        return 0;
    }
    for (size_t i = 0; i < STATE_LEN; i++) {
        const char *digit = memchr(DIGITS, text.ptr[i], STATE_BASE);
        if (digit == NULL) {
            return 0;
        }
        state = state * STATE_BASE + (int)(digit - DIGITS);
    }
    return state;
}

struct str pg_sqlstate_print(int sqlstate, char out[6])
{
    for (size_t i = STATE_LEN; i-- > 0;) {
        out[i] = DIGITS[sqlstate % STATE_BASE];
        sqlstate /= STATE_BASE;
    }
    out[STATE_LEN] = '\0';
    return (struct str){out, STATE_LEN};
}

struct rule {
    char prefix[STATE_LEN + 1]; /* a whole state or a class */
    bool shown;                 /* the server's message holds names, never a row's values */
    enum err_code code;
    enum err_act act;
};

/* The first that fits. */
static const struct rule RULES[] = {
    {"23505", false, ERR_EXISTS, ERR_ACT_NONE},      {"23P01", false, ERR_CONFLICT, ERR_ACT_NONE},
    {"25006", true, ERR_UNAVAILABLE, ERR_ACT_RETRY}, /* the primary has become a standby */
    {"25P03", true, ERR_UNAVAILABLE, ERR_ACT_RETRY}, /* idle in a transaction for too long */
    {"42501", true, ERR_DENIED, ERR_ACT_NONE},       {"55006", true, ERR_CONFLICT, ERR_ACT_RETRY},
    {"55P03", true, ERR_CONFLICT, ERR_ACT_RETRY},    {"57014", true, ERR_TIMEOUT, ERR_ACT_NONE},
    {"P0002", false, ERR_NOT_FOUND, ERR_ACT_NONE},   {"08", true, ERR_UNAVAILABLE, ERR_ACT_RETRY},
    {"22", false, ERR_INVALID, ERR_ACT_DROP},        {"23", false, ERR_INVALID, ERR_ACT_DROP},
    {"28", true, ERR_CONFIG, ERR_ACT_CONFIG},        {"3D", true, ERR_CONFIG, ERR_ACT_CONFIG},
    {"40", true, ERR_CONFLICT, ERR_ACT_RETRY},       {"44", false, ERR_INVALID, ERR_ACT_DROP},
    {"53", true, ERR_UNAVAILABLE, ERR_ACT_RETRY},    {"54", true, ERR_TOO_BIG, ERR_ACT_DROP},
    {"57", true, ERR_UNAVAILABLE, ERR_ACT_RETRY},    {"58", true, ERR_UNAVAILABLE, ERR_ACT_RETRY},
    {"0A", true, ERR_INTERNAL, ERR_ACT_NONE},        {"25", true, ERR_INTERNAL, ERR_ACT_NONE},
    {"42", true, ERR_INTERNAL, ERR_ACT_NONE},        {"XX", true, ERR_INTERNAL, ERR_ACT_NONE},
    {"", false, ERR_INTERNAL, ERR_ACT_NONE}, /* what a function raised may hold anything */
};

static const struct rule *rule_find(int sqlstate)
{
    char state[STATE_LEN + 1];
    struct str text = pg_sqlstate_print(sqlstate, state);
    const struct rule *rule = RULES;
    while (!str_starts(text, str_c(rule->prefix))) {
        rule++; /* the last one fits all */
    }
    return rule;
}

enum err_code pg_err_from_sqlstate(struct err *err, const char *where, int sqlstate,
                                   const char *text)
{
    char state[STATE_LEN + 1];
    const struct rule *rule = rule_find(sqlstate);
    pg_sqlstate_print(sqlstate, state);
    err_set_at(err, rule->code, rule->act, where, "postgres %s: %s", state, text);
    if (err != NULL) {
        err->sys = sqlstate;
    }
    return rule->code;
}

static void append(char *out, size_t size, const char *what, const char *name)
{
    size_t len = strlen(out);
    if (name != NULL) {
        snprintf(out + len, size - len, "%s%s %s", len > 0 ? ", " : "", what, name);
    }
}

enum err_code err_from_pg(struct err *err, const char *where, const PGresult *res)
{
    char text[160] = "";
    int sqlstate = pg_sqlstate_parse(str_c(PQresultErrorField(res, PG_DIAG_SQLSTATE)));
    if (sqlstate == 0) {
        /* libpq's own report: the connection was lost. */
        return err_from_connection(err, where, PQresultErrorMessage(res));
    }
    if (rule_find(sqlstate)->shown) {
        const char *message = PQresultErrorField(res, PG_DIAG_MESSAGE_PRIMARY);
        snprintf(text, sizeof text, "%s", message != NULL ? message : "");
    } else {
        append(text, sizeof text, "constraint", PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME));
        append(text, sizeof text, "table", PQresultErrorField(res, PG_DIAG_TABLE_NAME));
        append(text, sizeof text, "column", PQresultErrorField(res, PG_DIAG_COLUMN_NAME));
        append(text, sizeof text, "type", PQresultErrorField(res, PG_DIAG_DATATYPE_NAME));
    }
    return pg_err_from_sqlstate(err, where, sqlstate, text);
}

/* The SQLSTATE of a refusal, which libpq tells only inside of its verbose message
 * ("... failed: FATAL:  28P01: password authentication failed ..."). */
static int sqlstate_in(struct str message)
{
    for (size_t at = 0; at + STATE_LEN + 4 <= message.len; at++) {
        const char *p = message.ptr + at;
        if (memcmp(p, ":  ", 3) == 0 && p[3 + STATE_LEN] == ':') {
            int state = pg_sqlstate_parse((struct str){p + 3, STATE_LEN});
            if (state != 0) {
                return state;
            }
        }
    }
    return 0;
}

enum err_code err_from_connection(struct err *err, const char *where, const char *message)
{
    struct str all = str_trim(str_c(message));
    struct str line = str_trim(str_sub(all, 0, MIN(str_find_char(all, '\n'), all.len)));
    int sqlstate = sqlstate_in(all);
    if (sqlstate == 0) {
        return err_set_at(err, ERR_UNAVAILABLE, ERR_ACT_RETRY, where, "postgres: %.*s",
                          STR_ARG(line));
    }
    char text[160];
    snprintf(text, sizeof text, "%.*s", STR_ARG(line));
    return pg_err_from_sqlstate(err, where, sqlstate, text);
}
