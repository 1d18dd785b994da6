/* calfleetctl: what operators do to a fleet, one verb at a time. */
#include "verb.h"

#include <stdio.h>
#include <string.h>

static const struct verb verbs[] = {
    {"migrate", "bring the database's schema up to this version", verb_migrate},
    {"topics", "create the topics of the bus that are missing", verb_topics},
};

static void print_help(FILE *out)
{
    fprintf(out, "usage: calfleetctl VERB [OPTION...]\n\n");
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        fprintf(out, "  %-12s %s\n", verbs[i].name, verbs[i].about);
    }
    fprintf(out,
            "\ncalfleetctl VERB --help tells more. Exit codes: 0 done, 64 wrong command line,\n"
            "70 fault of ours, 75 try again later, 78 wrong setting.\n");
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";
    if (strcmp(name, "--help") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return CONFIG_EXIT_OK;
    }
    if (strcmp(name, "--version") == 0) {
        printf("calfleetctl %s\n", CALFLEET_VERSION);
        return CONFIG_EXIT_OK;
    }
    for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
        if (strcmp(name, verbs[i].name) == 0) {
            return verbs[i].run(argc - 1, argv + 1);
        }
    }
    if (argc > 1) {
        fprintf(stderr, "calfleetctl: there is no verb \"%s\"\n\n", name);
    }
    print_help(stderr);
    return CONFIG_EXIT_USAGE;
}
