/* SPDX-License-Identifier: Apache-2.0 */
/* One end of a connection from its socket to its report, and how the two ends meet. */
#define _GNU_SOURCE
#include "drive.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

_Noreturn void die(const char *what) {
    fprintf(stderr, "tlsdrive (pid %d): %s (errno: %s)\n", getpid(), what, strerror(errno));
    ERR_print_errors_fp(stderr);
    exit(1);
}

/* One line in one write: threads and both processes share this stdout. */
static void say(const char *format, ...) {
    char line[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    if (n < 0 || (size_t)n >= sizeof(line) || write(STDOUT_FILENO, line, (size_t)n) != n)
        die("stdout");
}

SSL_CTX *context(const struct opts *o, int server) {
    SSL_CTX *ctx = SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
    if (!ctx)
        die("SSL_CTX_new");
    if (o->tls12)
        SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    if (server && (SSL_CTX_use_certificate_chain_file(ctx, o->cert) != 1 ||
                   SSL_CTX_use_PrivateKey_file(ctx, o->key, SSL_FILETYPE_PEM) != 1))
        die("cert= or key=");
    if (!server && SSL_CTX_load_verify_locations(ctx, o->cert, NULL) != 1)
        die("cert=");
    if (!server)
        SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    return ctx;
}

static socklen_t loopback(const char *net, struct sockaddr_storage *at) {
    memset(at, 0, sizeof(*at));
    if (!strcmp(net, "6")) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)at;
        in6->sin6_family = AF_INET6;
        in6->sin6_addr = in6addr_loopback;
        return sizeof(*in6);
    }
    struct sockaddr_in *in4 = (struct sockaddr_in *)at;
    in4->sin_family = AF_INET;
    in4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sizeof(*in4);
}

struct meeting meet(const struct opts *o) {
    struct meeting m = {-1, {-1, -1}};
    if (!strcmp(o->net, "pair")) {
        if (socketpair(AF_UNIX, SOCK_STREAM, 0, m.pair))
            die("socketpair");
        return m;
    }
    struct sockaddr_storage at;
    socklen_t len = loopback(o->net, &at);
    m.listener = socket(at.ss_family, SOCK_STREAM, 0);
    if (m.listener < 0 || bind(m.listener, (struct sockaddr *)&at, len) ||
        listen(m.listener, SOMAXCONN))
        die("listen on loopback");
    return m;
}

int arrive(const struct meeting *m, int server) {
    if (m->listener < 0)
        return m->pair[server];
    if (server) {
        int fd = accept(m->listener, NULL, NULL);
        if (fd < 0)
            die("accept");
        return fd;
    }
    struct sockaddr_storage at;
    socklen_t len = sizeof(at);
    if (getsockname(m->listener, (struct sockaddr *)&at, &len))
        die("getsockname");
    int fd = socket(at.ss_family, SOCK_STREAM, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, len))
        die("connect");
    return fd;
}

/* `null`, or the address in quotes. */
static void address(int fd, int (*of)(int, struct sockaddr *, socklen_t *), char *out, size_t n) {
    struct sockaddr_storage at = {0};
    socklen_t len = sizeof(at);
    char ip[INET6_ADDRSTRLEN];
    snprintf(out, n, "null");
    if (fd < 0 || of(fd, (struct sockaddr *)&at, &len))
        return;
    if (at.ss_family == AF_INET) {
        struct sockaddr_in *in4 = (struct sockaddr_in *)&at;
        inet_ntop(AF_INET, &in4->sin_addr, ip, sizeof(ip));
        snprintf(out, n, "\"%s:%d\"", ip, ntohs(in4->sin_port));
    } else if (at.ss_family == AF_INET6) {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&at;
        inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof(ip));
        snprintf(out, n, "\"[%s]:%d\"", ip, ntohs(in6->sin6_port));
    }
}

static void tally_new(struct tally *t) {
    t->len = 0;
    t->md = EVP_MD_CTX_new();
    if (!t->md || !EVP_DigestInit_ex(t->md, EVP_sha256(), NULL))
        die("SHA-256");
}

/* Puts the side onto a socket. */
static void side_on(struct side *s, int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    s->fd = fd;
    /* Now, since a peer that has gone away takes its address with it. */
    address(fd, getsockname, s->local, sizeof(s->local));
    address(fd, getpeername, s->remote, sizeof(s->remote));
    if (fd >= 0 && !SSL_set_fd(s->ssl, fd))
        die("SSL_set_fd");
}

/* Another connection with the same SSL. */
void side_again(struct side *s, int fd) {
    if (!SSL_clear(s->ssl))
        die("SSL_clear");
    side_on(s, fd);
}

void side_new(struct side *s, const struct opts *o, SSL_CTX *ctx, int fd, int server,
              uint64_t seed) {
    s->o = o;
    s->role = server ? "server" : "client";
    s->seed = (seed + 1) * 0x9E3779B97F4A7C15ull + (uint64_t)server + ((uint64_t)getpid() << 40);
    tally_new(&s->got);
    tally_new(&s->put);
    s->ssl = SSL_new(ctx);
    if (!s->ssl)
        die("SSL_new");
    side_on(s, fd);
}

void handshake(struct side *s, int server) {
    if ((server ? SSL_accept(s->ssl) : SSL_connect(s->ssl)) != 1)
        die("handshake");
}

void side_open(struct side *s, const struct opts *o, SSL_CTX *ctx, const struct meeting *m,
               int server, uint64_t seed) {
    side_new(s, o, ctx, arrive(m, server), server, seed);
    handshake(s, server);
}

static void hex_digest(const struct tally *t, char out[65]) {
    unsigned char md[32];
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    if (!copy || !EVP_MD_CTX_copy_ex(copy, t->md) || !EVP_DigestFinal_ex(copy, md, NULL))
        die("SHA-256");
    EVP_MD_CTX_free(copy);
    for (int i = 0; i < 32; i++)
        snprintf(out + 2 * i, 3, "%02x", md[i]);
}

void report(const struct side *s) {
    char got[65], put[65];
    hex_digest(&s->got, got);
    hex_digest(&s->put, put);
    say("{\"line\":\"conn\",\"role\":\"%s\",\"pid\":%d,\"tid\":%ld,\"ssl\":\"%p\","
        "\"local\":%s,\"remote\":%s,\"read\":{\"len\":%llu,\"sha256\":\"%s\"},"
        "\"write\":{\"len\":%llu,\"sha256\":\"%s\"}}\n",
        s->role, getpid(), syscall(SYS_gettid), (void *)s->ssl, s->local, s->remote,
        (unsigned long long)s->got.len, got, (unsigned long long)s->put.len, put);
}

/* Reports what has moved so far and counts the rest anew. */
void report_part(struct side *s) {
    report(s);
    EVP_MD_CTX_free(s->got.md);
    EVP_MD_CTX_free(s->put.md);
    tally_new(&s->got);
    tally_new(&s->put);
}

/* Says goodbye, reports and frees. */
void side_close(struct side *s) {
    SSL_shutdown(s->ssl);
    report(s);
    SSL_free(s->ssl);
    if (s->fd >= 0)
        close(s->fd);
    EVP_MD_CTX_free(s->got.md);
    EVP_MD_CTX_free(s->put.md);
}

void note(const char *name, const char *value) {
    say("{\"line\":\"note\",\"pid\":%d,\"name\":\"%s\",\"value\":\"%s\"}\n", getpid(), name, value);
}

void note_num(const char *name, long value) {
    char text[32];
    snprintf(text, sizeof(text), "%ld", value);
    note(name, text);
}

int gated(const struct opts *o, const char *name) {
    size_t n = strlen(name);
    for (const char *at = o->gate; (at = strstr(at, name)); at += n)
        if ((at == o->gate || at[-1] == ',') && (!at[n] || at[n] == ','))
            return 1;
    return 0;
}

/* Waits at a named place until a line comes in on stdin, if the command line asks for it. */
void gate(const struct opts *o, const char *name) {
    if (!gated(o, name))
        return;
    say("{\"line\":\"gate\",\"pid\":%d,\"name\":\"%s\"}\n", getpid(), name);
    char c = 0;
    while (c != '\n')
        if (read(STDIN_FILENO, &c, 1) != 1)
            die("stdin closed at a gate");
}

struct control control_new(void) {
    struct control c;
    if (pipe(c.from_client) || pipe(c.from_server))
        die("pipe");
    return c;
}

/* Closes the other side's ends, so that its death is heard. */
void control_keep(struct control *c, int server) {
    close(server ? c->from_client[1] : c->from_server[1]);
    close(server ? c->from_server[0] : c->from_client[0]);
}

void control_say(const struct control *c, int server) {
    if (write(server ? c->from_server[1] : c->from_client[1], "x", 1) != 1)
        die("control pipe");
}

/* 0 when the other side is gone. */
int control_hear(const struct control *c, int server) {
    char byte;
    return read(server ? c->from_client[0] : c->from_server[0], &byte, 1) == 1;
}
