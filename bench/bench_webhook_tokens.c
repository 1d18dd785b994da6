/* Secrets of channels, as the sync worker would have made them, for a load on ingest: COUNT lines
 * of "TOKEN CHANNEL-ID", each of an account of its own. The key ring is read from the environment
 * (CALFLEET_WEBHOOK_KEYS), as the services read it. */
#include "providers/webhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LIFE_S 86400

int main(int argc, char **argv)
{
    struct crypto_keyring ring;
    struct err err;
    int64_t count;
    if (argc != 2 || !str_to_i64(str_c(argv[1]), &count) || count < 1) {
        fputs("usage: CALFLEET_WEBHOOK_KEYS=ID:BASE64 bench_webhook_tokens COUNT\n", stderr);
        return 64;
    }
    if (crypto_keyring_parse(str_c(getenv("CALFLEET_WEBHOOK_KEYS")), &ring, &err) != ERR_OK) {
        fprintf(stderr, "bench_webhook_tokens: %s\n", err.text);
        return 78;
    }
    for (int64_t i = 1; i <= count; i++) {
        struct buf secret CLEANUP(buf_fini);
        struct webhook_channel channel = {.account = uuid_random(),
                                          .calendar = i,
                                          .channel = i,
                                          .expires_at = (time(NULL) + LIFE_S) * INT64_C(1000)};
        buf_init(&secret, WEBHOOK_SECRET_MAX);
        webhook_secret_print(&ring, "google", &channel, &secret);
        printf("%s %s\n", buf_c(&secret), UUID_C(uuid_random()));
    }
    return 0;
}
