/* SPDX-License-Identifier: Apache-2.0 */
/* Modes that trip observers: TLS in TLS, retried writes, forks, death in a call, reused memory. */
#include "drive.h"

#include <fcntl.h>
#include <openssl/bio.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* A BIO over another connection: each write of the inner one is an SSL_write within an SSL_write.
 */
static int carrier_write(BIO *bio, const char *buf, int n) {
    struct side *outer = BIO_get_data(bio);
    return (int)put_once(outer, outer->o->put, buf, (size_t)n);
}

static int carrier_read(BIO *bio, char *buf, int n) {
    struct side *outer = BIO_get_data(bio);
    return (int)get_once(outer, outer->o->get, buf, (size_t)n);
}

static long carrier_ctrl(BIO *bio, int cmd, long num, void *ptr) {
    (void)bio;
    (void)num;
    (void)ptr;
    return cmd == BIO_CTRL_FLUSH;
}

static BIO *carrier(struct side *outer) {
    BIO_METHOD *method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "carrier");
    if (!method || !BIO_meth_set_write(method, carrier_write) ||
        !BIO_meth_set_read(method, carrier_read) || !BIO_meth_set_ctrl(method, carrier_ctrl))
        die("BIO_meth_new");
    BIO *bio = BIO_new(method);
    if (!bio)
        die("BIO_new");
    BIO_set_data(bio, outer);
    BIO_set_init(bio, 1);
    return bio;
}

/* nested: `n` rounds on a connection that travels in another, which is used in between as well. */
static void nested(const struct opts *o, const struct meeting *m, int server) {
    SSL_CTX *ctx = context(o, server);
    struct side outer, inner;
    side_open(&outer, o, ctx, m, server, 0);
    side_new(&inner, o, ctx, -1, server, 1);
    BIO *bio = carrier(&outer);
    SSL_set_bio(inner.ssl, bio, bio);
    memcpy(inner.local, outer.local, sizeof(inner.local));
    memcpy(inner.remote, outer.remote, sizeof(inner.remote));
    handshake(&inner, server);
    for (int i = 0; i < o->n; i++) {
        struct side *turns[] = {&inner, &outer};
        for (int t = 0; t < 2; t++)
            if (server) {
                get_all(turns[t], o->bytes);
                put_all(turns[t], o->bytes);
            } else {
                put_all(turns[t], o->bytes);
                get_all(turns[t], o->bytes);
            }
    }
    SSL_set_quiet_shutdown(inner.ssl, 1); /* or its goodbye races with the outer one's */
    side_close(&inner);
    side_close(&outer);
}

static void nested_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    gate(o, "start");
    nested(o, m, 0);
}

static void nested_server(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    nested(o, m, 1);
}

/* Calls until all is written, on a socket that is full most of the time. Answers the retries. */
static long put_retrying(struct side *s, const unsigned char *buf, size_t n, struct control *c) {
    long retries = 0;
    size_t done = 0;
    while (done < n) {
        size_t moved = put_once(s, s->o->put, buf + done, n - done);
        done += moved;
        if (moved)
            continue;
        if (SSL_get_error(s->ssl, 0) != SSL_ERROR_WANT_WRITE)
            die("a write that was to be retried failed");
        if (retries++ == 0)
            control_say(c, 0); /* only now may the server read */
        struct pollfd pfd = {.fd = s->fd, .events = POLLOUT};
        if (poll(&pfd, 1, -1) < 0)
            die("poll");
    }
    return retries;
}

/* retried: a write into a full socket, tried again until it is through; then reads that wait. */
static void retried_client(const struct opts *o, const struct meeting *m, struct control *c) {
    struct side s;
    gate(o, "start");
    int fd = arrive(m, 0), small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
    side_new(&s, o, context(o, 0), fd, 0, 0);
    handshake(&s, 0);
    if (o->partial)
        SSL_set_mode(s.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    unsigned char *buf = malloc(o->bytes);
    if (!buf)
        die("malloc");
    fill(&s, buf, o->bytes);
    note_num("retries", put_retrying(&s, buf, o->bytes, c));
    size_t left = o->bytes;
    while (left) {
        size_t moved = get_once(&s, o->get, buf, left);
        left -= moved;
        struct pollfd pfd = {.fd = fd, .events = POLLIN};
        if (!moved && (SSL_get_error(s.ssl, 0) != SSL_ERROR_WANT_READ || poll(&pfd, 1, -1) < 0))
            die("a read that was to be retried failed");
    }
    free(buf);
    side_close(&s);
}

static void retried_server(const struct opts *o, const struct meeting *m, struct control *c) {
    struct side s;
    side_open(&s, o, context(o, 1), m, 1, 0);
    if (!control_hear(c, 1))
        die("the client never had to retry");
    get_all(&s, o->bytes);
    put_all(&s, o->bytes);
    side_close(&s);
}

/* forked: `n` connections, each served by a child of its own, from the start or from the middle. */
static void forked_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    SSL_CTX *ctx = context(o, 0);
    gate(o, "start");
    for (int i = 0; i < o->n; i++) {
        struct side s;
        side_open(&s, o, ctx, m, 0, (uint64_t)i);
        for (int half = 0; half < 2; half++) {
            put_all(&s, o->bytes);
            get_all(&s, o->bytes);
        }
        side_close(&s);
    }
}

static void serve_half(struct side *s) {
    get_all(s, s->o->bytes);
    put_all(s, s->o->bytes);
}

static void forked_server(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    SSL_CTX *ctx = context(o, 1);
    int middle = !strcmp(o->when, "middle");
    for (int i = 0; i < o->n; i++) {
        struct side s;
        side_new(&s, o, ctx, arrive(m, 1), 1, (uint64_t)i);
        if (middle) {
            handshake(&s, 1);
            serve_half(&s);
            report_part(&s);
        }
        pid_t child = fork();
        if (child == 0) {
            if (!middle) {
                handshake(&s, 1);
                serve_half(&s);
            }
            serve_half(&s);
            side_close(&s);
            exit(0);
        }
        SSL_set_quiet_shutdown(s.ssl, 1); /* the connection is the child's now */
        SSL_free(s.ssl);
        close(s.fd);
        int status;
        if (waitpid(child, &status, 0) != child || status)
            die("a forked server failed");
    }
}

/* stalled: after one round, a write that nobody reads. It ends only with the process. */
static void stalled_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    struct side s;
    gate(o, "start");
    side_open(&s, o, context(o, 0), m, 0, 0);
    put_all(&s, o->bytes);
    get_all(&s, o->bytes);
    report(&s);
    note_num("stalls_on_fd", s.fd);
    put_all(&s, 32 << 20);
    die("32 MiB fitted into a socket that nobody reads");
}

static void stalled_server(const struct opts *o, const struct meeting *m, struct control *c) {
    struct side s;
    side_open(&s, o, context(o, 1), m, 1, 0);
    get_all(&s, o->bytes);
    put_all(&s, o->bytes);
    report(&s);
    if (control_hear(c, 1))
        die("the client was to die without a word");
}

/* reused: `n` connections one after the other, so that the allocator hands out one SSL* again. */
static void reused_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    SSL_CTX *ctx = context(o, 0);
    gate(o, "start");
    for (int i = 0; i < o->n; i++) {
        struct side s;
        side_open(&s, o, ctx, m, 0, (uint64_t)i);
        put_all(&s, o->bytes);
        get_all(&s, o->bytes);
        side_close(&s);
    }
}

/* cleared: the same with one SSL that the client never frees, but clears. */
static void cleared_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    struct side s;
    gate(o, "start");
    side_open(&s, o, context(o, 0), m, 0, 0);
    for (int i = 0; i < o->n; i++) {
        if (i > 0) {
            report_part(&s);
            close(s.fd);
            side_again(&s, arrive(m, 0));
            handshake(&s, 0);
        }
        put_all(&s, o->bytes);
        get_all(&s, o->bytes);
        SSL_shutdown(s.ssl);
    }
    side_close(&s);
}

static void one_by_one_server(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    SSL_CTX *ctx = context(o, 1);
    for (int i = 0; i < o->n; i++) {
        struct side s;
        side_open(&s, o, ctx, m, 1, (uint64_t)i);
        serve_half(&s);
        side_close(&s);
    }
}

/*
 * buffered: an observer that comes at the gate `middle` first sees the rest of a record that the
 * library holds already, so no socket is used; then `n` rounds.
 */
static void buffered_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    struct side s;
    unsigned char first;
    side_open(&s, o, context(o, 0), m, 0, 0);
    if (get_once(&s, o->get, &first, 1) != 1)
        die("no first byte");
    report_part(&s);
    gate(o, "middle");
    get_all(&s, o->bytes - 1);
    for (int i = 0; i < o->n; i++) {
        put_all(&s, o->bytes);
        get_all(&s, o->bytes);
    }
    side_close(&s);
}

static void buffered_server(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    struct side s;
    side_open(&s, o, context(o, 1), m, 1, 0);
    put_all(&s, o->bytes);
    for (int i = 0; i < o->n; i++) {
        get_all(&s, o->bytes);
        put_all(&s, o->bytes);
    }
    side_close(&s);
}

const struct mode odd_modes[] = {
    {"nested", nested_client, nested_server},       {"retried", retried_client, retried_server},
    {"forked", forked_client, forked_server},       {"stalled", stalled_client, stalled_server},
    {"reused", reused_client, one_by_one_server},   {"buffered", buffered_client, buffered_server},
    {"cleared", cleared_client, one_by_one_server}, {NULL, NULL, NULL},
};
