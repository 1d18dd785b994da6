#include "google_int.h"

#include <stdio.h>

void google_url_init(struct google_url *u, const struct provider_session *s)
{
    buf_init(&u->text, GOOGLE_URL_MAX_BYTES);
    buf_add(&u->text, s->link->ends.api_url);
    u->has_query = false;
}

void google_url_segment(struct google_url *u, const char *fixed)
{
    buf_add_c(&u->text, fixed);
}

void google_url_id(struct google_url *u, struct str id)
{
    buf_add_char(&u->text, '/');
    percent_encode(&u->text, id); /* holiday calendars have a '#' in their ids */
}

void google_url_query(struct google_url *u, const char *name, struct str value)
{
    buf_add_char(&u->text, u->has_query ? '&' : '?');
    buf_add_c(&u->text, name);
    buf_add_char(&u->text, '=');
    percent_encode(&u->text, value);
    u->has_query = true;
}

void google_url_query_i64(struct google_url *u, const char *name, int64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof digits, "%lld", (long long)value);
    google_url_query(u, name, (struct str){digits, (size_t)len});
}

enum err_code google_url_take(struct google_url *u, struct arena *arena, struct str *ret_url,
                              struct err *err)
{
    google_url_query(u, "prettyPrint", STR("false"));
    enum err_code rc = buf_ok(&u->text, NULL);
    if (rc == ERR_OK) {
        *ret_url = arena_str(arena, buf_str(&u->text));
    }
    buf_fini(&u->text);
    if (rc != ERR_OK) {
        return ERR_SET_ACT(err, ERR_INVALID, ERR_ACT_DROP, "a URL of over %d bytes",
                           GOOGLE_URL_MAX_BYTES);
    }
    return ERR_OK;
}
