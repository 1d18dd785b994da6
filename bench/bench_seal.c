/* Rows of connected accounts, as an exchange leaves them, without a thousand consents. Reads lines
 * "ADDRESS ACCESS-TOKEN REFRESH-TOKEN"; writes lines for COPY: account, shard, connection, address,
 * the two tokens sealed for that connection. The key ring is CALFLEET_TOKEN_KEYS, as for the
 * services. */
#include "base/hash.h"
#include "base/uuid.h"
#include "crypto/envelope.h"
#include "messages/topics.h"

#include <stdio.h>
#include <stdlib.h>

#define LINE_MAX_BYTES 8192

static struct crypto_keyring ring;

static void print_sealed(struct uuid connection, const char *column, struct str token)
{
    struct buf context CLEANUP(buf_fini);
    struct buf envelope CLEANUP(buf_fini);
    buf_init(&context, 256);
    buf_init(&envelope, 2 * LINE_MAX_BYTES);
    buf_add_f(&context, "connection/%s/%s", UUID_C(connection), column);
    crypto_envelope_seal(&ring, buf_str(&context), token, &envelope);
    printf("\t%s", buf_c(&envelope));
}

static bool print_row(struct str line)
{
    struct str address;
    struct str access;
    struct str refresh;
    struct uuid account = uuid_random();
    struct uuid connection = uuid_random();
    if (!str_split(&line, ' ', &address) || !str_split(&line, ' ', &access) ||
        !str_split(&line, ' ', &refresh)) {
        return false;
    }
    printf("%s\t%u\t%s\t%.*s", UUID_C(account), hash_murmur2(uuid_bytes(&account)) % TOPIC_SHARDS,
           UUID_C(connection), STR_ARG(address));
    print_sealed(connection, "access_token", access);
    print_sealed(connection, "refresh_token", refresh);
    putchar('\n');
    return true;
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    struct err err;
    if (crypto_keyring_parse(str_c(getenv("CALFLEET_TOKEN_KEYS")), &ring, &err) != ERR_OK) {
        fprintf(stderr, "bench_seal: %s\n", err.text);
        return 78;
    }
    while (fgets(line, sizeof line, stdin) != NULL) {
        if (!print_row(str_trim(str_c(line)))) {
            fputs("bench_seal: a line is not ADDRESS ACCESS-TOKEN REFRESH-TOKEN\n", stderr);
            return 65;
        }
    }
    return 0;
}
