#ifndef ACCOUNTS_ACCESS_INT_H
#define ACCOUNTS_ACCESS_INT_H

#include "accounts/access.h"

#include "base/map.h"

struct access {
    struct access_opts opts;
    struct map flights; /* connection -> struct flight */
};

/* A refresh under way in this process. */
struct flight {
    struct co_signal done;
    size_t users; /* the one who refreshes, and those who wait */
    bool ended;
};

/* A connection's tokens as they are stored. */
struct stored_token {
    struct str access;  /* opened; empty: there is none */
    struct str refresh; /* likewise */
    int64_t version;
    int64_t expires_at;
    struct str provider;
    bool has_client;
    struct uuid client;
};

/* errs: as access_open. */
CO_FN enum err_code access_read_token(struct access *a, struct uuid connection, struct arena *arena,
                                      int64_t deadline, struct stored_token *ret_token,
                                      struct err *err);
/* provider_token_fn; ctx: a struct access_session. */
CO_FN enum err_code access_give_token(void *ctx, struct str refused, int64_t deadline,
                                      struct arena *arena, struct str *ret_token, struct err *err);

#endif
