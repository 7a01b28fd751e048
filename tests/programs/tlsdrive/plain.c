/* SPDX-License-Identifier: Apache-2.0 */
/* Modes in which every program could be found: few or many connections, large or small calls. */
#include "drive.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * plain: `n` rounds of `bytes` each way, with places to wait before, between and after. At the gate
 * `middle` the counts start again, for an observer that comes there and has missed the first round;
 * neither end is within a call of OpenSSL then.
 */
static void plain_client(const struct opts *o, const struct meeting *m, struct control *c) {
    SSL_CTX *ctx = context(o, 0);
    struct side s;
    gate(o, "start");
    side_open(&s, o, ctx, m, 0, 0);
    for (int i = 0; i < o->n; i++) {
        put_all(&s, o->bytes);
        get_all(&s, o->bytes);
        if (i == 0 && gated(o, "middle")) {
            report_part(&s);
            control_hear(c, 0);
            gate(o, "middle");
            control_say(c, 0);
        }
    }
    gate(o, "end");
    side_close(&s);
}

static void plain_server(const struct opts *o, const struct meeting *m, struct control *c) {
    SSL_CTX *ctx = context(o, 1);
    struct side s;
    side_open(&s, o, ctx, m, 1, 0);
    for (int i = 0; i < o->n; i++) {
        get_all(&s, o->bytes);
        put_all(&s, o->bytes);
        if (i == 0 && gated(o, "middle")) {
            report_part(&s);
            control_say(c, 1);
            control_hear(c, 1);
        }
    }
    side_close(&s);
}

/* sizes: each size of `sizes` goes over and comes back, one writing call each. */
static void sizes(const struct opts *o, const struct meeting *m, int server) {
    struct side s;
    side_open(&s, o, context(o, server), m, server, 0);
    for (const char *at = o->sizes; *at;) {
        char *end;
        size_t size = strtoul(at, &end, 10);
        if (server) {
            get_all(&s, size);
            put_all(&s, size);
        } else {
            put_all(&s, size);
            get_all(&s, size);
        }
        at = *end == ',' ? end + 1 : end;
    }
    side_close(&s);
}

static void sizes_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    gate(o, "start");
    sizes(o, m, 0);
}

static void sizes_server(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    sizes(o, m, 1);
}

/* conns: `n` connections, all open at once, each used twice. */
static void conns(const struct opts *o, const struct meeting *m, struct control *c, int server) {
    SSL_CTX *ctx = context(o, server);
    struct side *all = calloc((size_t)o->n, sizeof(*all));
    if (!all)
        die("calloc");
    for (int i = 0; i < o->n; i++)
        side_open(&all[i], o, ctx, m, server, (uint64_t)i);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < o->n; i++)
            if (!server)
                put_all(&all[i], o->bytes + (size_t)i);
        for (int i = 0; i < o->n; i++)
            if (server) {
                get_all(&all[i], o->bytes + (size_t)i);
                put_all(&all[i], o->bytes);
            } else {
                get_all(&all[i], o->bytes);
            }
    }
    /* Neither side closes before both have every connection's bytes. */
    control_say(c, server);
    control_hear(c, server);
    for (int i = 0; i < o->n; i++)
        side_close(&all[i]);
    free(all);
}

static void conns_client(const struct opts *o, const struct meeting *m, struct control *c) {
    gate(o, "start");
    conns(o, m, c, 0);
}

static void conns_server(const struct opts *o, const struct meeting *m, struct control *c) {
    conns(o, m, c, 1);
}

/* threads: `n` threads with a context and a connection each. */
struct thread {
    const struct opts *o;
    const struct meeting *m;
    int server;
    int index;
    pthread_t id;
};

static void *thread_main(void *arg) {
    const struct thread *t = arg;
    struct side s;
    side_open(&s, t->o, context(t->o, t->server), t->m, t->server, (uint64_t)t->index);
    for (size_t round = 0; round < 50; round++) {
        size_t size = t->o->bytes + 100 * round;
        if (t->server)
            get_all(&s, size);
        put_all(&s, size);
        if (!t->server)
            get_all(&s, size);
    }
    side_close(&s);
    return NULL;
}

static void threads(const struct opts *o, const struct meeting *m, int server) {
    struct thread *all = calloc((size_t)o->n, sizeof(*all));
    if (!all)
        die("calloc");
    for (int i = 0; i < o->n; i++) {
        all[i] = (struct thread){.o = o, .m = m, .server = server, .index = i};
        if (pthread_create(&all[i].id, NULL, thread_main, &all[i]))
            die("pthread_create");
    }
    for (int i = 0; i < o->n; i++)
        pthread_join(all[i].id, NULL);
    free(all);
}

static void threads_client(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    gate(o, "start");
    threads(o, m, 0);
}

static void threads_server(const struct opts *o, const struct meeting *m, struct control *c) {
    (void)c;
    threads(o, m, 1);
}

const struct mode plain_modes[] = {
    {"plain", plain_client, plain_server},
    {"sizes", sizes_client, sizes_server},
    {"conns", conns_client, conns_server},
    {"threads", threads_client, threads_server},
    {NULL, NULL, NULL},
};
