/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlspeers moves bytes over TLS through the functions of one library, and says on stdout what each
 * end of each connection moved: a count and a SHA-256 per direction. It is its own client (the
 * process that was started) and server (a child of it), over loopback. One file per library.
 */
#ifndef PEERS_H
#define PEERS_H

#include <stddef.h>

/* A connection of the library; of what type, only the library's file knows. */
struct tls;

/* What the command line asks for. */
struct asked {
    const char *cert, *key;
    int tls12;
    int put; /* the library's way to write, or -1: all of them in turn */
    int get; /* the same for reading */
};

_Noreturn void die(const char *what);
void note(const char *name, long value);

/* What a library's file defines. */
extern const int puts_known, gets_known;
struct tls *tls_open(const struct asked *asked, int fd, int server);
const void *tls_pointer(const struct tls *tls);
/* Writes all of it. */
void tls_put(struct tls *tls, int way, const void *buf, size_t n);
/* Reads some; 0 at the end. */
size_t tls_get(struct tls *tls, int way, void *buf, size_t n);
void tls_close(struct tls *tls);

#endif
