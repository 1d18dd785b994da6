/* The verbs of calfleetctl: one file verb_<name>.c each, one row in main.c. */
#ifndef CALFLEETCTL_VERB_H
#define CALFLEETCTL_VERB_H

#include "config/config.h"

struct verb {
    const char *name;  /* as typed */
    const char *about; /* one line for --help */
    /* argv[0] is the verb, argv[argc] is NULL. Results on stdout, messages on stderr. Returns the
     * program's exit code (CONFIG_EXIT_). */
    int (*run)(int argc, char **argv);
};

int verb_migrate(int argc, char **argv);
int verb_topics(int argc, char **argv);

/* For the verbs: reads one table of options into values (zeroed), which others' CALFLEET_
 * variables do not disturb. NULL where the verb has to end with *ret_exit; all that is to be said
 * was then said. owns: config_free, at the end: texts in values live until then. */
struct config *verb_options(const char *program, const char *about, const char *operands,
                            const struct config_table *table, void *values, int argc, char **argv,
                            int *ret_exit);

#endif
