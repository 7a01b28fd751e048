/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * An HTTPS client that sends a fixed number of requests per second over connections that it keeps:
 *   pace ADDRESS PORT PATH REQUESTS_PER_SECOND SECONDS CONNECTIONS
 * The schedule is open: request i is due at start + i / rate however long the others take, and
 * its latency counts from then. It prints "connected", waits for a line on stdin, sends, prints
 * one line of JSON, and keeps its connections until stdin ends, so that whoever started it can
 * read the server's CPU clock on both sides of the traffic and of nothing else.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define CONNECTIONS_MAX 1000

struct connection {
    SSL *ssl;
    uint64_t due;
    long left; /* bytes of the answer that are still to come; -1: its head is */
};

static struct connection connections[CONNECTIONS_MAX];
static char request[512];
static int request_len;

/* Connections that wait for a request; the one that waited longest is next. */
static struct connection *idle[CONNECTIONS_MAX];
static unsigned idle_first, idle_count;

static uint64_t now(void) {
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static void rest(struct connection *connection) {
    idle[(idle_first + idle_count++) % CONNECTIONS_MAX] = connection;
}

static void open_connection(struct connection *connection, SSL_CTX *context,
                            const struct sockaddr_in *address, int epoll) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)))
        err(1, "connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    connection->ssl = SSL_new(context);
    SSL_set_fd(connection->ssl, fd);
    if (SSL_connect(connection->ssl) != 1)
        errx(1, "TLS handshake failed");
    fcntl(fd, F_SETFL, O_NONBLOCK);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event))
        err(1, "epoll_ctl");
    rest(connection);
}

static void send_request(uint64_t due) {
    struct connection *connection = idle[idle_first];

    idle_first = (idle_first + 1) % CONNECTIONS_MAX;
    idle_count--;
    connection->due = due;
    connection->left = -1;
    /* One small request on a connection without any other: the socket has room for it. */
    if (SSL_write(connection->ssl, request, request_len) != request_len)
        errx(1, "writing a request failed");
}

/* Bytes of the answer that follow this first piece, in which its whole head must be. */
static long rest_of_answer(const char *piece, int len) {
    const char *end = memmem(piece, len, "\r\n\r\n", 4);
    const char *length = memmem(piece, len, "\r\nContent-Length: ", 18);

    if (len < 12 || memcmp(piece, "HTTP/1.1 200", 12) || !end || !length || length > end)
        errx(1, "not the answer that was expected: %.*s", len < 200 ? len : 200, piece);
    return strtol(length + 18, NULL, 10) - (len - (end + 4 - piece));
}

/* Reads what has come; true if that finished an answer. */
static bool take(struct connection *connection) {
    static char piece[64 << 10];
    int len;

    while ((len = SSL_read(connection->ssl, piece, sizeof(piece))) > 0) {
        if (!connection->left)
            errx(1, "the server sent what nobody asked for");
        connection->left =
            connection->left < 0 ? rest_of_answer(piece, len) : connection->left - len;
        if (!connection->left) {
            rest(connection);
            return true;
        }
    }
    /* A session ticket or a part of a record is no end. */
    if (SSL_get_error(connection->ssl, len) != SSL_ERROR_WANT_READ)
        errx(1, "the server ended a connection");
    return false;
}

static int ascending(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

static double run(int epoll, double rate, uint64_t total, uint64_t *latency) {
    uint64_t start = now(), sent = 0, answered = 0;

    while (answered < total) {
        struct epoll_event events[64];
        struct timespec wait = {.tv_sec = 10};
        uint64_t due = start + (uint64_t)(sent * 1e9 / rate), at = now();
        int count;

        if (sent < total && idle_count && due <= at) {
            send_request(due);
            sent++;
            continue;
        }
        if (sent < total && idle_count)
            wait = (struct timespec){(due - at) / 1000000000, (due - at) % 1000000000};
        count = epoll_pwait2(epoll, events, 64, &wait, NULL);
        // Who is stopped by a tracer finds this call ended, too.
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 || (!count && wait.tv_sec == 10))
            errx(1, "no answer for 10 s");
        at = now();
        for (int i = 0; i < count; i++) {
            struct connection *connection = events[i].data.ptr;

            if (take(connection))
                latency[answered++] = at - connection->due;
        }
    }
    return (now() - start) / 1e9;
}

int main(int argc, char **argv) {
    struct sockaddr_in address = {.sin_family = AF_INET};
    int count, epoll = epoll_create1(EPOLL_CLOEXEC);
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    uint64_t *latency, total;
    double rate, seconds;

    if (argc != 7 || inet_pton(AF_INET, argv[1], &address.sin_addr) != 1)
        errx(2, "usage: pace ADDRESS PORT PATH REQUESTS_PER_SECOND SECONDS CONNECTIONS");
    address.sin_port = htons(atoi(argv[2]));
    rate = atof(argv[4]);
    total = rate * atof(argv[5]);
    count = atoi(argv[6]);
    if (total < 1 || count < 1 || count > CONNECTIONS_MAX)
        errx(2, "at least one request and 1 to %d connections", CONNECTIONS_MAX);
    request_len = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s:%s\r\n\r\n",
                           argv[3], argv[1], argv[2]);
    latency = calloc(total, sizeof(*latency));
    if (!latency || epoll < 0 || !context || request_len >= (int)sizeof(request))
        errx(1, "out of memory");
    for (int i = 0; i < count; i++)
        open_connection(&connections[i], context, &address, epoll);
    puts("connected");
    fflush(stdout);
    if (getchar() == EOF)
        return 1;

    seconds = run(epoll, rate, total, latency);
    qsort(latency, total, sizeof(*latency), ascending);
    printf("{\"requests\": %lu, \"seconds\": %.6f, \"p50_us\": %lu, \"p99_us\": %lu, "
           "\"errors\": 0}\n",
           total, seconds, latency[total / 2] / 1000, latency[total * 99 / 100] / 1000);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    for (int i = 0; i < count; i++) {
        SSL_shutdown(connections[i].ssl);
        close(SSL_get_fd(connections[i].ssl));
    }
    return 0;
}
