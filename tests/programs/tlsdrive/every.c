/* SPDX-License-Identifier: Apache-2.0 */
/* Modes that call every function that moves bytes: the plain pairs, peeks, early data, sendfile. */
#include "drive.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if OPENSSL_VERSION_NUMBER >= 0x30300000L
enum { LAST_PUT_ROW = PUT_WRITE_EX2 };
#else
enum { LAST_PUT_ROW = PUT_WRITE_EX };
#endif

enum { PEEKED = 100 };

/* Looks at what comes next without taking it. */
static void peek(struct side *s) {
    unsigned char buf[PEEKED];
    if (SSL_peek(s->ssl, buf, sizeof(buf)) != sizeof(buf))
        die("SSL_peek");
    note_num("peeked", sizeof(buf));
}

/*
 * rows: every writing function against every reading one, each way, and a peek before every read. A
 * write of nothing goes in between: SSL_write_ex allows it.
 */
static void rows(const struct opts *o, const struct meeting *m, int server) {
    struct opts turn = *o;
    struct side s;
    side_open(&s, &turn, context(o, server), m, server, 0);
    for (int put = 0; put <= LAST_PUT_ROW; put++)
        for (int get = 0; get < GET_ROWS; get++) {
            turn.put = (enum put_row)put;
            turn.get = (enum get_row)get;
            size_t size = PEEKED + 1000 * (size_t)(put * GET_ROWS + get);
            if (server) {
                peek(&s);
                get_all(&s, size);
            }
            if (put != PUT_WRITE)
                put_all(&s, 0);
            put_all(&s, size);
            if (!server) {
                peek(&s);
                get_all(&s, size);
            }
        }
    side_close(&s);
}

static void rows_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    gate(o, "start");
    rows(o, m, 0);
}

static void rows_server(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    rows(o, m, 1);
}

/* early: a first connection for its session ticket, a second that writes before the handshake. */
static void early_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    SSL_CTX *ctx = context(o, 0);
    struct side s;
    gate(o, "start");
    side_open(&s, o, ctx, m, 0, 0);
    put_all(&s, o->bytes);
    get_all(&s, o->bytes); /* the ticket comes before the answer */
    SSL_SESSION *session = SSL_get1_session(s.ssl);
    side_close(&s);

    unsigned char *buf = malloc(o->bytes);
    size_t moved = 0;
    side_new(&s, o, ctx, arrive(m, 0), 0, 1);
    if (!buf || !SSL_set_session(s.ssl, session))
        die("SSL_set_session");
    fill(&s, buf, o->bytes);
    if (SSL_write_early_data(s.ssl, buf, o->bytes, &moved) != 1)
        die("SSL_write_early_data");
    tally_add(&s.put, buf, moved);
    handshake(&s, 0);
    if (SSL_get_early_data_status(s.ssl) != SSL_EARLY_DATA_ACCEPTED)
        die("early data was refused");
    put_all(&s, o->bytes);
    get_all(&s, 2 * o->bytes);
    SSL_SESSION_free(session);
    free(buf);
    side_close(&s);
}

static void early_server(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    SSL_CTX *ctx = context(o, 1);
    SSL_CTX_set_max_early_data(ctx, 1 << 14);
    SSL_CTX_set_recv_max_early_data(ctx, 1 << 14);
    struct side s;
    side_open(&s, o, ctx, m, 1, 0);
    get_all(&s, o->bytes);
    put_all(&s, o->bytes);
    side_close(&s);

    unsigned char buf[4096];
    side_new(&s, o, ctx, arrive(m, 1), 1, 1);
    int more = SSL_READ_EARLY_DATA_SUCCESS;
    long total = 0;
    while (more != SSL_READ_EARLY_DATA_FINISH) {
        size_t moved = 0;
        more = SSL_read_early_data(s.ssl, buf, sizeof(buf), &moved);
        if (more == SSL_READ_EARLY_DATA_ERROR)
            die("SSL_read_early_data");
        tally_add(&s.got, buf, moved);
        total += (long)moved;
        if (more == SSL_READ_EARLY_DATA_SUCCESS && total == (long)o->bytes) {
            /* Half of the answer leaves before the handshake is over. */
            unsigned char *answer = malloc(o->bytes);
            if (!answer)
                die("malloc");
            fill(&s, answer, o->bytes);
            if (SSL_write_early_data(s.ssl, answer, o->bytes, &moved) != 1)
                die("SSL_write_early_data of the server");
            tally_add(&s.put, answer, moved);
            free(answer);
        }
    }
    note_num("early_read", total);
    handshake(&s, 1);
    get_all(&s, o->bytes);
    put_all(&s, o->bytes);
    side_close(&s);
}

/* sendfile: needs TLS in the kernel; where that is missing the call fails, and says so here. */
static void sendfile_client(const struct opts *o, const struct meeting *m, struct control *c) {
    struct side s;
    SSL_CTX *ctx = context(o, 0);
    long sent = -1;
    gate(o, "start");
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    SSL_CTX_set_options(ctx, SSL_OP_ENABLE_KTLS);
#endif
    side_open(&s, o, ctx, m, 0, 0);
    put_all(&s, o->bytes);
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
    FILE *file = tmpfile();
    unsigned char *buf = malloc(o->bytes);
    if (!file || !buf)
        die("tmpfile");
    fill(&s, buf, o->bytes);
    if (fwrite(buf, 1, o->bytes, file) != o->bytes || fflush(file))
        die("tmpfile");
    sent = SSL_sendfile(s.ssl, fileno(file), 0, o->bytes, 0);
    if (sent > 0)
        tally_add(&s.put, buf, (size_t)sent);
    ERR_clear_error();
    fclose(file);
    free(buf);
#endif
    note_num("sendfile", sent);
    put_all(&s, o->bytes);
    if (write(c->from_client[1], &sent, sizeof(sent)) != sizeof(sent))
        die("control pipe");
    get_all(&s, 1);
    side_close(&s);
}

static void sendfile_server(const struct opts *o, const struct meeting *m, struct control *c) {
    struct side s;
    long sent;
    side_open(&s, o, context(o, 1), m, 1, 0);
    if (read(c->from_client[0], &sent, sizeof(sent)) != sizeof(sent))
        die("control pipe");
    get_all(&s, 2 * o->bytes + (sent > 0 ? (size_t)sent : 0));
    put_all(&s, 1);
    side_close(&s);
}

const struct mode row_modes[] = {
    {"rows", rows_client, rows_server},
    {"early", early_client, early_server},
    {"sendfile", sendfile_client, sendfile_server},
    {NULL, NULL, NULL},
};
