#include "simulator/conn.h"

#include <openssl/err.h>

static const unsigned char protocols[] = "\x02h2\x08http/1.1";

static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *in, unsigned in_len, void *arg)
{
    unsigned char *chosen;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, out_len, protocols, sizeof protocols - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

SSL_CTX *tls_context(const char *cert, const char *key, struct err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    BUG_ON(ctx == NULL);
    if (key == NULL || SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) {
        SSL_CTX_free(ctx);
        (void)ERR_SET(err, ERR_CONFIG, "the certificate or its key cannot be read");
        return NULL;
    }
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_alpn_select_cb(ctx, choose, NULL);
    return ctx;
}

SSL *tls_new(SSL_CTX *ctx)
{
    SSL *ssl = SSL_new(ctx);
    BUG_ON(ssl == NULL);
    SSL_set_accept_state(ssl);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    return ssl;
}

static void flush(struct conn *c)
{
    static char bytes[16384]; /* used up before the next call */
    int len;
    while (!c->closing && (len = BIO_read(SSL_get_wbio(c->ssl), bytes, sizeof bytes)) > 0) {
        conn_write_raw(c, (struct str){bytes, (size_t)len});
    }
}

bool tls_feed(struct conn *c, struct str bytes)
{
    static char plain[16384]; /* a record is handled before the next is read */
    BIO_write(SSL_get_rbio(c->ssl), bytes.ptr, (int)bytes.len);
    for (;;) {
        int len = SSL_read(c->ssl, plain, sizeof plain);
        if (len <= 0) {
            int why = SSL_get_error(c->ssl, len);
            flush(c);
            ERR_clear_error();
            return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
        }
        if (!conn_plain(c, (struct str){plain, (size_t)len})) {
            return false;
        }
    }
}

void tls_write(struct conn *c, struct str bytes)
{
    /* A memory BIO takes everything, so the write is never partial. */
    while (bytes.len > 0 && !c->closing) {
        int len = SSL_write(c->ssl, bytes.ptr, (int)MIN(bytes.len, (size_t)65536));
        if (len <= 0) {
            ERR_clear_error();
            return;
        }
        bytes = str_sub(bytes, (size_t)len, SIZE_MAX);
        flush(c);
    }
}
