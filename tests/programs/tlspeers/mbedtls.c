/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/net_sockets.h>
#include <mbedtls/ssl.h>
#include <stdlib.h>

const int puts_known = 1, gets_known = 1;

struct tls {
    mbedtls_ssl_context ssl;
    mbedtls_ssl_config config;
    mbedtls_entropy_context entropy;
    mbedtls_ctr_drbg_context random;
    mbedtls_x509_crt cert;
    mbedtls_pk_context key;
    mbedtls_net_context net;
};

static void sure(int result, const char *what) {
    if (result)
        die(what);
}

struct tls *tls_open(const struct asked *asked, int fd, int server) {
    struct tls *tls = calloc(1, sizeof(*tls));
    int end = server ? MBEDTLS_SSL_IS_SERVER : MBEDTLS_SSL_IS_CLIENT, result;

    mbedtls_ssl_init(&tls->ssl);
    mbedtls_ssl_config_init(&tls->config);
    mbedtls_entropy_init(&tls->entropy);
    mbedtls_ctr_drbg_init(&tls->random);
    mbedtls_x509_crt_init(&tls->cert);
    mbedtls_pk_init(&tls->key);
    tls->net.fd = fd;
    sure(mbedtls_ctr_drbg_seed(&tls->random, mbedtls_entropy_func, &tls->entropy, NULL, 0), "seed");
    sure(mbedtls_ssl_config_defaults(&tls->config, end, MBEDTLS_SSL_TRANSPORT_STREAM,
                                     MBEDTLS_SSL_PRESET_DEFAULT),
         "defaults");
    mbedtls_ssl_conf_authmode(&tls->config, MBEDTLS_SSL_VERIFY_NONE);
    mbedtls_ssl_conf_rng(&tls->config, mbedtls_ctr_drbg_random, &tls->random);
    if (server) {
        sure(mbedtls_x509_crt_parse_file(&tls->cert, asked->cert), "certificate");
        sure(mbedtls_pk_parse_keyfile(&tls->key, asked->key, NULL), "key");
        sure(mbedtls_ssl_conf_own_cert(&tls->config, &tls->cert, &tls->key), "own");
    }
    sure(mbedtls_ssl_setup(&tls->ssl, &tls->config), "setup");
    mbedtls_ssl_set_bio(&tls->ssl, &tls->net, mbedtls_net_send, mbedtls_net_recv, NULL);
    do
        result = mbedtls_ssl_handshake(&tls->ssl);
    while (result == MBEDTLS_ERR_SSL_WANT_READ || result == MBEDTLS_ERR_SSL_WANT_WRITE);
    sure(result, "handshake");
    return tls;
}

const void *tls_pointer(const struct tls *tls) {
    return &tls->ssl;
}

void tls_put(struct tls *tls, int way, const void *buf, size_t n) {
    const unsigned char *at = buf;

    (void)way;
    for (size_t done = 0; done < n;) {
        int put = mbedtls_ssl_write(&tls->ssl, at + done, n - done);
        if (put < 0)
            die("write");
        done += put;
    }
}

size_t tls_get(struct tls *tls, int way, void *buf, size_t n) {
    int got = mbedtls_ssl_read(&tls->ssl, buf, n);

    (void)way;
    if (got <= 0)
        die("read");
    return got;
}

void tls_close(struct tls *tls) {
    mbedtls_ssl_close_notify(&tls->ssl);
    mbedtls_ssl_free(&tls->ssl);
    mbedtls_ssl_config_free(&tls->config);
    mbedtls_x509_crt_free(&tls->cert);
    mbedtls_pk_free(&tls->key);
    free(tls);
}
