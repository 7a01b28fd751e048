/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tlsdrive moves bytes over TLS through every function of OpenSSL that can move any, and says on
 * stdout what each end of each connection moved: a count and a SHA-256 per direction. It is its own
 * client (the process that was started) and server (a child of it), over loopback or a socket pair.
 */
#ifndef DRIVE_H
#define DRIVE_H

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <stdint.h>

enum put_row { PUT_WRITE, PUT_WRITE_EX, PUT_WRITE_EX2, PUT_ROWS };
enum get_row { GET_READ, GET_READ_EX, GET_ROWS };

/* What the command line asks for; a mode reads what it needs. */
struct opts {
    const char *mode;
    const char *cert, *key;
    const char *net;   /* 4, 6 or pair */
    const char *gate;  /* comma-separated names of the places to wait at */
    const char *sizes; /* comma-separated */
    const char *when;  /* forked: accept or middle */
    enum put_row put;
    enum get_row get;
    int n;        /* connections, threads or rounds */
    size_t bytes; /* of one message */
    int partial;  /* retried: SSL_MODE_ENABLE_PARTIAL_WRITE */
    int tls12;
};

/* Bytes that one direction moved. */
struct tally {
    uint64_t len;
    EVP_MD_CTX *md;
};

/* One end of one connection. */
struct side {
    const struct opts *o;
    const char *role;
    SSL *ssl;
    int fd;
    uint64_t seed; /* of what it sends: no two directions of a run send the same bytes */
    char local[80], remote[80]; /* as JSON */
    struct tally got, put;
};

/* A place to meet: sockets that listen or that are connected already, made before the fork. */
struct meeting {
    int listener;
    int pair[2];
};

/* A pipe in each direction between client and server, outside of TLS. */
struct control {
    int from_client[2];
    int from_server[2];
};

/* side.c */
_Noreturn void die(const char *what);
SSL_CTX *context(const struct opts *o, int server);
struct meeting meet(const struct opts *o);
int arrive(const struct meeting *m, int server);
void side_new(struct side *s, const struct opts *o, SSL_CTX *ctx, int fd, int server,
              uint64_t seed);
void side_again(struct side *s, int fd);
void handshake(struct side *s, int server);
void side_open(struct side *s, const struct opts *o, SSL_CTX *ctx, const struct meeting *m,
               int server, uint64_t seed);
void report(const struct side *s);
void report_part(struct side *s);
void side_close(struct side *s);
void note(const char *name, const char *value);
void note_num(const char *name, long value);
int gated(const struct opts *o, const char *name);
void gate(const struct opts *o, const char *name);
struct control control_new(void);
void control_keep(struct control *c, int server);
void control_say(const struct control *c, int server);
int control_hear(const struct control *c, int server);

/* rows.c */
void tally_add(struct tally *t, const void *buf, size_t n);
void fill(struct side *s, unsigned char *buf, size_t n);
size_t put_once(struct side *s, enum put_row row, const void *buf, size_t n);
size_t get_once(struct side *s, enum get_row row, void *buf, size_t n);
void put_all(struct side *s, size_t n);
void get_all(struct side *s, size_t n);
enum put_row put_row_named(const char *name);
enum get_row get_row_named(const char *name);

/* Modes: the client's half and the server's half of each. */
struct mode {
    const char *name;
    void (*client)(const struct opts *, const struct meeting *, struct control *);
    void (*server)(const struct opts *, const struct meeting *, struct control *);
};
extern const struct mode plain_modes[]; /* plain.c */
extern const struct mode row_modes[];   /* every.c */
extern const struct mode odd_modes[];   /* odd.c */

#endif
