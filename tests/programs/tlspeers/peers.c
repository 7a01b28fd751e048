/* SPDX-License-Identifier: Apache-2.0 */
/* The command line and what is moved: `tlspeers cert=FILE key=FILE [name=value ...]`. */
#define _GNU_SOURCE
#include "peers.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Around the size of a record, which is also that of ecapture's pieces. */
static const size_t sizes[] = {1, 100, 4096, 16384, 16385, 70000};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct tally {
    uint64_t len;
    EVP_MD_CTX *md;
};

struct side {
    const struct asked *asked;
    const char *role;
    struct tls *tls;
    int fd;
    uint32_t seed; /* no two directions send the same bytes */
    struct tally got, put;
};

void die(const char *what) {
    fprintf(stderr, "tlspeers: %s\n", what);
    exit(1);
}

void note(const char *name, long value) {
    printf("{\"line\":\"note\",\"pid\":%d,\"name\":\"%s\",\"value\":\"%ld\"}\n", getpid(), name,
           value);
    fflush(stdout);
}

static void tally_add(struct tally *t, const void *buf, size_t n) {
    if (!t->md) {
        t->md = EVP_MD_CTX_new();
        EVP_DigestInit_ex(t->md, EVP_sha256(), NULL);
    }
    EVP_DigestUpdate(t->md, buf, n);
    t->len += n;
}

static void print_sum(struct tally *t) {
    unsigned char sum[32];
    tally_add(t, "", 0);
    EVP_DigestFinal_ex(t->md, sum, NULL);
    printf("{\"len\":%llu,\"sha256\":\"", (unsigned long long)t->len);
    for (int i = 0; i < 32; i++)
        printf("%02x", sum[i]);
    printf("\"}");
}

static void print_address(const char *name, struct sockaddr_in *at) {
    char text[64];
    inet_ntop(AF_INET, &at->sin_addr, text, sizeof(text));
    printf("\"%s\":\"%s:%d\",", name, text, ntohs(at->sin_port));
}

static void report(struct side *s) {
    struct sockaddr_in local, remote;
    socklen_t len = sizeof(local);
    if (getsockname(s->fd, (struct sockaddr *)&local, &len) ||
        getpeername(s->fd, (struct sockaddr *)&remote, &len))
        die("addresses");
    printf("{\"line\":\"conn\",\"role\":\"%s\",\"pid\":%d,\"tid\":%d,\"ssl\":\"%p\",", s->role,
           getpid(), gettid(), tls_pointer(s->tls));
    print_address("local", &local);
    print_address("remote", &remote);
    printf("\"read\":");
    print_sum(&s->got);
    printf(",\"write\":");
    print_sum(&s->put);
    printf("}\n");
    fflush(stdout);
}

static void put_all(struct side *s) {
    unsigned char *buf = malloc(sizes[SIZES - 1]);
    for (int way = 0; way < puts_known; way++) {
        for (size_t i = 0; i < SIZES; i++) {
            for (size_t at = 0; at < sizes[i]; at++) {
                s->seed = s->seed * 1664525 + 1013904223;
                buf[at] = s->seed >> 24;
            }
            tls_put(s->tls, s->asked->put < 0 ? way : s->asked->put, buf, sizes[i]);
            tally_add(&s->put, buf, sizes[i]);
        }
    }
    free(buf);
}

static void get_all(struct side *s) {
    unsigned char *buf = malloc(20000);
    size_t wanted = 0;
    for (size_t i = 0; i < SIZES; i++)
        wanted += sizes[i] * puts_known;
    for (int way = 0; s->got.len < wanted; way = (way + 1) % gets_known) {
        /* Seldom what a record has, so that the library keeps a rest. */
        size_t n = way % 2 ? 20000 : 1000;
        if (n > wanted - s->got.len)
            n = wanted - s->got.len;
        n = tls_get(s->tls, s->asked->get < 0 ? way : s->asked->get, buf, n);
        if (!n)
            die("the other end went away");
        tally_add(&s->got, buf, n);
    }
    free(buf);
}

/* The client sends first; each end closes when it has both. */
static void talk(const struct asked *asked, int fd, int server) {
    struct side s = {.asked = asked, .role = server ? "server" : "client", .fd = fd};
    s.seed = getpid();
    s.tls = tls_open(asked, fd, server);
    if (!server)
        put_all(&s);
    get_all(&s);
    if (server)
        put_all(&s);
    report(&s);
    tls_close(s.tls);
    close(fd);
}

static void set(struct asked *asked, const char *name, const char *value) {
    if (!strcmp(name, "cert"))
        asked->cert = value;
    else if (!strcmp(name, "key"))
        asked->key = value;
    else if (!strcmp(name, "tls12"))
        asked->tls12 = atoi(value);
    else if (!strcmp(name, "put"))
        asked->put = atoi(value);
    else if (!strcmp(name, "get"))
        asked->get = atoi(value);
    else
        die("no such option");
}

int main(int argc, char **argv) {
    struct asked asked = {.put = -1, .get = -1};
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), fd = socket(AF_INET, SOCK_STREAM, 0), status;

    for (int i = 1; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value)
            die("options are name=value");
        *value = 0;
        set(&asked, argv[i], value + 1);
    }
    signal(SIGPIPE, SIG_IGN);
    printf("{\"line\":\"gate\",\"pid\":%d,\"name\":\"start\"}\n", getpid());
    fflush(stdout);
    if (getchar() != '\n')
        die("nobody opened the gate");
    if (bind(listener, (struct sockaddr *)&at, len) || listen(listener, 1) ||
        getsockname(listener, (struct sockaddr *)&at, &len))
        die("listen");
    pid_t child = fork();
    if (child == 0) {
        close(fd);
        talk(&asked, accept(listener, NULL, NULL), 1);
        return 0;
    }
    if (child < 0 || connect(fd, (struct sockaddr *)&at, len))
        die("connect");
    talk(&asked, fd, 0);
    if (waitpid(child, &status, 0) != child || status)
        die("the server failed");
    return 0;
}
