/* A bounded record of the calls that were received, so that a test can check every request which a
 * client sent against what the service documents. The oldest entries go first. */
#ifndef SIMULATOR_JOURNAL_H
#define SIMULATOR_JOURNAL_H

#include "simulator/message.h"
#include "simulator/tree.h"

#define JOURNAL_ENTRIES 8192
#define JOURNAL_BODY_MAX_BYTES 4096

struct journal_entry {
    int64_t number; /* 1, 2, ... since start */
    int64_t at;     /* UTC ms, the simulator's */
    char *method;
    char *path;
    char *query;
    char *account; /* NULL: not known */
    char *if_match;
    char *if_none_match;
    char *user_agent;
    char *traceparent;
    char *body;    /* NULL: none, too long, or of a path that carries secrets */
    char *unknown; /* blank-separated: parameters and body members that are not documented */
    const char *version;
    int status;
};

struct journal {
    struct journal_entry *entries; /* a ring of JOURNAL_ENTRIES */
    int64_t last;
};

void journal_init(struct journal *j);
void journal_fini(struct journal *j);
void journal_clear(struct journal *j);

struct journal_facts {
    int64_t at;
    struct str account;
    struct str unknown;
    int status;
    bool secret; /* the body holds credentials */
};
void journal_add(struct journal *j, const struct sim_request *rq,
                 const struct journal_facts *facts);

struct journal_query {
    int64_t after; /* entries with a greater number */
    int64_t limit;
    struct str path; /* prefix */
    struct str method;
    struct str account;
    bool only_unknown;
};
/* A new array, oldest first. */
json_t *journal_list(const struct journal *j, const struct journal_query *q);

#endif
