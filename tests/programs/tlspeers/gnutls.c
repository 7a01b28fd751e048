/* SPDX-License-Identifier: Apache-2.0 */
#include "peers.h"

#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum put { SEND, SEND2, RANGE, CORKED, SEND_FILE, RESUMED };
enum get { RECV, RECV_SEQ, PACKET };

const int puts_known = RESUMED, gets_known = PACKET;

struct tls {
    gnutls_session_t session;
    gnutls_certificate_credentials_t credentials;
    int fd;
};

static long sure(long result) {
    if (result < 0)
        die(gnutls_strerror(result));
    return result;
}

struct tls *tls_open(const struct asked *asked, int fd, int server) {
    struct tls *tls = calloc(1, sizeof(*tls));
    const char *priority =
        asked->tls12 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2" : "NORMAL:-VERS-ALL:+VERS-TLS1.3";
    int result;

    tls->fd = fd;
    sure(gnutls_certificate_allocate_credentials(&tls->credentials));
    if (server)
        sure(gnutls_certificate_set_x509_key_file(tls->credentials, asked->cert, asked->key,
                                                  GNUTLS_X509_FMT_PEM));
    sure(gnutls_init(&tls->session, server ? GNUTLS_SERVER : GNUTLS_CLIENT));
    sure(gnutls_priority_set_direct(tls->session, priority, NULL));
    sure(gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, tls->credentials));
    gnutls_transport_set_int(tls->session, fd);
    do
        result = gnutls_handshake(tls->session);
    while (result < 0 && !gnutls_error_is_fatal(result));
    sure(result);
    return tls;
}

const void *tls_pointer(const struct tls *tls) {
    return tls->session;
}

/* As a program does whose buffer is gone when the socket has room again. */
static size_t resume(struct tls *tls, const char *buf, size_t n) {
    struct pollfd ready = {.fd = tls->fd, .events = POLLOUT};
    long sent;
    int resumed = 0, least = 1;

    setsockopt(tls->fd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
    fcntl(tls->fd, F_SETFL, O_NONBLOCK);
    sent = gnutls_record_send(tls->session, buf, n);
    while (sent == GNUTLS_E_AGAIN || sent == GNUTLS_E_INTERRUPTED) {
        resumed = 1;
        poll(&ready, 1, -1);
        sent = gnutls_record_send(tls->session, NULL, 0);
    }
    fcntl(tls->fd, F_SETFL, 0);
    if (resumed)
        note("resumed", sure(sent));
    return sure(sent);
}

static size_t put_file(struct tls *tls, const void *buf, size_t n) {
    char name[] = "/tmp/tlspeers-XXXXXX";
    int file = mkstemp(name);
    long sent;

    unlink(name);
    if (write(file, buf, n) != (ssize_t)n || lseek(file, 0, SEEK_SET))
        die(name);
    sent = gnutls_record_send_file(tls->session, file, NULL, n);
    close(file);
    return sure(sent);
}

static size_t put_once(struct tls *tls, int way, const char *buf, size_t n) {
    gnutls_range_st range = {.low = n, .high = n};

    switch (way) {
    case SEND2:
        return sure(gnutls_record_send2(tls->session, buf, n, 0, 0));
    case RANGE:
        if (!gnutls_record_can_use_length_hiding(tls->session))
            break;
        return sure(gnutls_record_send_range(tls->session, buf, n, &range));
    case SEND_FILE:
        return put_file(tls, buf, n);
    case RESUMED:
        return resume(tls, buf, n);
    }
    return sure(gnutls_record_send(tls->session, buf, n));
}

void tls_put(struct tls *tls, int way, const void *buf, size_t n) {
    const char *at = buf;

    if (way == CORKED)
        gnutls_record_cork(tls->session);
    for (size_t done = 0; done < n;)
        done += put_once(tls, way, at + done, way == CORKED && n - done > 999 ? 999 : n - done);
    if (way == CORKED)
        sure(gnutls_record_uncork(tls->session, GNUTLS_RECORD_WAIT));
}

size_t tls_get(struct tls *tls, int way, void *buf, size_t n) {
    unsigned char number[8];
    gnutls_packet_t packet;
    gnutls_datum_t datum;
    long got;

    do {
        if (way == PACKET)
            got = gnutls_record_recv_packet(tls->session, &packet);
        else if (way == RECV_SEQ)
            got = gnutls_record_recv_seq(tls->session, buf, n, number);
        else
            got = gnutls_record_recv(tls->session, buf, n);
    } while (got < 0 && !gnutls_error_is_fatal(got));
    if (way == PACKET && got > 0) {
        gnutls_packet_get(packet, &datum, number);
        memcpy(buf, datum.data, datum.size);
        gnutls_packet_deinit(packet);
    }
    return sure(got);
}

void tls_close(struct tls *tls) {
    gnutls_bye(tls->session, GNUTLS_SHUT_WR);
    gnutls_deinit(tls->session);
    gnutls_certificate_free_credentials(tls->credentials);
    free(tls);
}
