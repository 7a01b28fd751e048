/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <wolfssl/options.h>
#include <wolfssl/ssl.h>
#include <stdlib.h>

enum put { WRITE, SEND };
enum get { READ, RECV, PEEKED };

const int puts_known = SEND + 1, gets_known = PEEKED + 1;

struct tls {
    WOLFSSL_CTX *ctx;
    WOLFSSL *ssl;
};

struct tls *tls_open(const struct asked *asked, int fd, int server) {
    struct tls *tls = calloc(1, sizeof(*tls));

    wolfSSL_Init();
    if (server)
        tls->ctx = wolfSSL_CTX_new(asked->tls12 ? wolfTLSv1_2_server_method()
                                                : wolfTLSv1_3_server_method());
    else
        tls->ctx = wolfSSL_CTX_new(asked->tls12 ? wolfTLSv1_2_client_method()
                                                : wolfTLSv1_3_client_method());
    if (!tls->ctx)
        die("context");
    wolfSSL_CTX_set_verify(tls->ctx, WOLFSSL_VERIFY_NONE, NULL);
    if (server && (wolfSSL_CTX_use_certificate_file(tls->ctx, asked->cert, WOLFSSL_FILETYPE_PEM) !=
                       WOLFSSL_SUCCESS ||
                   wolfSSL_CTX_use_PrivateKey_file(tls->ctx, asked->key, WOLFSSL_FILETYPE_PEM) !=
                       WOLFSSL_SUCCESS))
        die("certificate");
    tls->ssl = wolfSSL_new(tls->ctx);
    wolfSSL_set_fd(tls->ssl, fd);
    if ((server ? wolfSSL_accept(tls->ssl) : wolfSSL_connect(tls->ssl)) != WOLFSSL_SUCCESS)
        die("handshake");
    return tls;
}

const void *tls_pointer(const struct tls *tls) {
    return tls->ssl;
}

void tls_put(struct tls *tls, int way, const void *buf, size_t n) {
    const char *at = buf;

    for (size_t done = 0; done < n;) {
        int put = way == SEND ? wolfSSL_send(tls->ssl, at + done, n - done, 0)
                              : wolfSSL_write(tls->ssl, at + done, n - done);
        if (put <= 0)
            die("write");
        done += put;
    }
}

size_t tls_get(struct tls *tls, int way, void *buf, size_t n) {
    char seen[100];
    int got;

    if (way == PEEKED)
        note("peeked", wolfSSL_peek(tls->ssl, seen, sizeof(seen)));
    got = way == RECV ? wolfSSL_recv(tls->ssl, buf, n, 0) : wolfSSL_read(tls->ssl, buf, n);
    if (got <= 0)
        die(wolfSSL_ERR_reason_error_string(wolfSSL_get_error(tls->ssl, got)));
    return got;
}

void tls_close(struct tls *tls) {
    wolfSSL_shutdown(tls->ssl);
    wolfSSL_free(tls->ssl);
    wolfSSL_CTX_free(tls->ctx);
    free(tls);
}
