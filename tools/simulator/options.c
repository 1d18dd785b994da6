#include "simulator/options.h"

#include <getopt.h>
#include <stdio.h>

#define OPTIONS(O)                                                                                 \
    O(listen, "HOST:PORT", "where to listen; port 0 takes a free one (127.0.0.1:8090)")            \
    O(port_file, "FILE", "write the port there when listening")                                    \
    O(ready_fd, "N", "write the line of URLs to this descriptor too")                              \
    O(public_url, "URL", "how others reach this address, for links and push URIs")                 \
    O(tls_cert, "FILE", "PEM certificate chain: HTTP/1.1 and HTTP/2 over TLS")                     \
    O(tls_key, "FILE", "its key")                                                                  \
    O(account, "ADDRESS", "the first account, which gets the .ics files (ana@example.com)")        \
    O(zone, "ZONE", "its time zone (Europe/Lisbon)")                                               \
    O(ics, "FILE", "a calendar of that account; may be given many times")                          \
    O(client_id, "ID", "the OAuth client (" G_DEFAULT_CLIENT_ID_TEXT ")")                          \
    O(client_secret, "SECRET", "its secret (calfleet-dev-secret)")                                 \
    O(latency_ms, "N", "each answer is that late (0)")                                             \
    O(token_ttl_s, "N", "life of an access token (3600)")                                          \
    O(seed, "N", "of everything that is drawn (1)")                                                \
    O(allow_http_webhooks, NULL, "push to http:// addresses of this machine as well")              \
    O(auto_consent, NULL, "the consent page accepts at once")                                      \
    O(version, NULL, "print the version")                                                          \
    O(help, NULL, "print this")
#define G_DEFAULT_CLIENT_ID_TEXT "calfleet-dev.apps.googleusercontent.com"

#define OPTION_ENUM(name, arg, help) OPT_##name,
enum option_id { OPTIONS(OPTION_ENUM) OPT_COUNT };
#undef OPTION_ENUM

static const struct {
    const char *name;
    const char *arg; /* NULL: a switch */
    const char *help;
} table[] = {
#define OPTION_ROW(name, arg, help) {#name, arg, help},
    OPTIONS(OPTION_ROW)
#undef OPTION_ROW
};

/* latency_ms is --latency-ms. */
static void spell(const char *name, char out[40])
{
    size_t i = 0;
    for (; name[i] != 0 && i < 39; i++) {
        out[i] = name[i] == '_' ? '-' : name[i];
    }
    out[i] = 0;
}

static void print_help(void)
{
    printf(
        "calfleet-simulator: Google Calendar v3 and Google OAuth, for development and tests\n\n");
    for (size_t i = 0; i < OPT_COUNT; i++) {
        char name[40];
        char left[64];
        spell(table[i].name, name);
        snprintf(left, sizeof left, "--%s %s", name, table[i].arg != NULL ? table[i].arg : "");
        printf("  %-28s %s\n", left, table[i].help);
    }
}

static bool read_listen(const char *text, struct options *o)
{
    struct str whole = str_c(text);
    size_t colon = SIZE_MAX;
    int64_t port;
    for (size_t i = 0; i < whole.len; i++) {
        colon = whole.ptr[i] == ':' ? i : colon;
    }
    if (colon == SIZE_MAX || !str_to_i64(str_sub(whole, colon + 1, SIZE_MAX), &port) || port < 0 ||
        port > UINT16_MAX) {
        return false;
    }
    struct str host = str_sub(whole, 0, colon);
    if (str_starts(host, STR("[")) && str_ends(host, STR("]"))) {
        host = str_sub(host, 1, host.len - 2);
    }
    if (str_eq_c(host, "localhost")) {
        host = STR("127.0.0.1");
    }
    free(o->host);
    o->host = xmalloc(host.len + 1);
    memcpy(o->host, host.ptr, host.len);
    o->host[host.len] = 0;
    o->port = (uint16_t)port;
    return true;
}

static bool read_number(const char *text, int64_t min, int64_t *ret_value)
{
    int64_t value;
    if (!str_to_i64(str_c(text), &value) || value < min) {
        return false;
    }
    *ret_value = value;
    return true;
}

static bool apply(struct options *o, enum option_id option, const char *value)
{
    switch (option) {
    case OPT_listen:
        return read_listen(value, o);
    case OPT_port_file:
        o->port_file = value;
        return true;
    case OPT_ready_fd:
        return read_number(value, 0, &o->ready_fd);
    case OPT_public_url:
        o->public_url = value;
        return true;
    case OPT_tls_cert:
        o->tls_cert = value;
        return true;
    case OPT_tls_key:
        o->tls_key = value;
        return true;
    case OPT_account:
        o->account = value;
        return strchr(value, '@') != NULL;
    case OPT_zone:
        o->zone = value;
        return true;
    case OPT_ics:
        vec_push(&o->ics, value);
        return true;
    case OPT_client_id:
        o->client_id = value;
        return true;
    case OPT_client_secret:
        o->client_secret = value;
        return true;
    case OPT_latency_ms:
        return read_number(value, 0, &o->latency_ms);
    case OPT_token_ttl_s:
        return read_number(value, 1, &o->token_ttl_s);
    case OPT_seed:
        return read_number(value, 0, &o->seed);
    case OPT_allow_http_webhooks:
        o->allow_http_webhooks = true;
        return true;
    case OPT_auto_consent:
        o->auto_consent = true;
        return true;
    case OPT_version:
    case OPT_help:
    case OPT_COUNT:
        break;
    }
    return false;
}

enum options_result options_read(int argc, char **argv, struct options *ret_options)
{
    struct option_names {
        char text[OPT_COUNT][40];
    } names;
    struct option longs[OPT_COUNT + 1];
    struct options o = {.ready_fd = -1, .token_ttl_s = 3600, .seed = 1};
    int chosen;

    o.account = "ana@example.com";
    o.zone = "Europe/Lisbon";
    read_listen("127.0.0.1:8090", &o);
    memset(longs, 0, sizeof longs);
    for (size_t i = 0; i < OPT_COUNT; i++) {
        spell(table[i].name, names.text[i]);
        longs[i].name = names.text[i];
        longs[i].has_arg = table[i].arg != NULL ? required_argument : no_argument;
        longs[i].val = (int)i + 1;
    }
    *ret_options = o;
    while ((chosen = getopt_long(argc, argv, "", longs, NULL)) > 0) {
        if (chosen == OPT_help + 1) {
            print_help();
            return OPTIONS_DONE;
        }
        if (chosen == OPT_version + 1) {
            printf("calfleet-simulator %s\n", CALFLEET_VERSION);
            return OPTIONS_DONE;
        }
        if (chosen == '?') {
            return OPTIONS_WRONG;
        }
        if (!apply(ret_options, (enum option_id)(chosen - 1), optarg)) {
            fprintf(stderr, "--%s %s: not a right value\n", names.text[chosen - 1],
                    optarg != NULL ? optarg : "");
            return OPTIONS_WRONG;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "%s: not an option; see --help\n", argv[optind]);
        return OPTIONS_WRONG;
    }
    return OPTIONS_RUN;
}

void options_fini(struct options *o)
{
    free(o->host);
    vec_fini(&o->ics);
}
