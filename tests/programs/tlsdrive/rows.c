/* SPDX-License-Identifier: Apache-2.0 */
/* The calls themselves: one function of OpenSSL each, and the count of what it moved. */
#include "drive.h"

#include <stdlib.h>
#include <string.h>

void tally_add(struct tally *t, const void *buf, size_t n) {
    if (n && !EVP_DigestUpdate(t->md, buf, n))
        die("EVP_DigestUpdate");
    t->len += n;
}

/* xorshift64*: bytes that neither repeat nor compress, so that a misplaced piece shows. */
void fill(struct side *s, unsigned char *buf, size_t n) {
    for (size_t i = 0; i < n; i++) {
        s->seed ^= s->seed >> 12;
        s->seed ^= s->seed << 25;
        s->seed ^= s->seed >> 27;
        buf[i] = (unsigned char)((s->seed * 0x2545F4914F6CDD1Dull) >> 56);
    }
}

size_t put_once(struct side *s, enum put_row row, const void *buf, size_t n) {
    size_t moved = 0;
    int ret;
    switch (row) {
    case PUT_WRITE:
        ret = SSL_write(s->ssl, buf, (int)n);
        moved = ret > 0 ? (size_t)ret : 0;
        break;
    case PUT_WRITE_EX:
        if (SSL_write_ex(s->ssl, buf, n, &moved) != 1)
            moved = 0;
        break;
    default:
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
        if (SSL_write_ex2(s->ssl, buf, n, 0, &moved) != 1)
            moved = 0;
#else
        die("this OpenSSL has no SSL_write_ex2");
#endif
    }
    tally_add(&s->put, buf, moved);
    return moved;
}

size_t get_once(struct side *s, enum get_row row, void *buf, size_t n) {
    size_t moved = 0;
    if (row == GET_READ) {
        int ret = SSL_read(s->ssl, buf, (int)n);
        moved = ret > 0 ? (size_t)ret : 0;
    } else if (SSL_read_ex(s->ssl, buf, n, &moved) != 1) {
        moved = 0;
    }
    tally_add(&s->got, buf, moved);
    return moved;
}

/* Sends `n` fresh bytes in one call. */
void put_all(struct side *s, size_t n) {
    unsigned char *buf = malloc(n ? n : 1);
    if (!buf)
        die("malloc");
    fill(s, buf, n);
    if (put_once(s, s->o->put, buf, n) != n)
        die("a blocking write moved less than it was given");
    free(buf);
}

/* Receives `n` bytes in as many calls as it takes. */
void get_all(struct side *s, size_t n) {
    static _Thread_local unsigned char buf[65536];
    while (n) {
        size_t moved = get_once(s, s->o->get, buf, n < sizeof(buf) ? n : sizeof(buf));
        if (!moved)
            die("a blocking read ended early");
        n -= moved;
    }
}

enum put_row put_row_named(const char *name) {
    static const char *const names[] = {"write", "write_ex", "write_ex2"};
    for (int i = 0; i < PUT_ROWS; i++)
        if (!strcmp(names[i], name))
            return (enum put_row)i;
    die("put= is write, write_ex or write_ex2");
}

enum get_row get_row_named(const char *name) {
    static const char *const names[] = {"read", "read_ex"};
    for (int i = 0; i < GET_ROWS; i++)
        if (!strcmp(names[i], name))
            return (enum get_row)i;
    die("get= is read or read_ex");
}
