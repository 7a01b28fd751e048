/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: `tlsdrive MODE cert=FILE key=FILE [name=value ...]`. */
#include "drive.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct mode *mode_named(const char *name) {
    const struct mode *const tables[] = {plain_modes, row_modes, odd_modes};
    for (int i = 0; i < 3; i++)
        for (const struct mode *m = tables[i]; m->name; m++)
            if (!strcmp(m->name, name))
                return m;
    die("no such mode");
}

static void set(struct opts *o, const char *name, const char *value) {
    if (!strcmp(name, "cert"))
        o->cert = value;
    else if (!strcmp(name, "key"))
        o->key = value;
    else if (!strcmp(name, "net"))
        o->net = value;
    else if (!strcmp(name, "gate"))
        o->gate = value;
    else if (!strcmp(name, "sizes"))
        o->sizes = value;
    else if (!strcmp(name, "when"))
        o->when = value;
    else if (!strcmp(name, "put"))
        o->put = put_row_named(value);
    else if (!strcmp(name, "get"))
        o->get = get_row_named(value);
    else if (!strcmp(name, "n"))
        o->n = atoi(value);
    else if (!strcmp(name, "bytes"))
        o->bytes = strtoul(value, NULL, 10);
    else if (!strcmp(name, "partial"))
        o->partial = atoi(value);
    else if (!strcmp(name, "tls12"))
        o->tls12 = atoi(value);
    else
        die("no such option");
}

int main(int argc, char **argv) {
    struct opts o = {.net = "4", .gate = "", .sizes = "", .when = "accept", .n = 1, .bytes = 1000};
    if (argc < 2)
        die("usage: tlsdrive MODE cert=FILE key=FILE [name=value ...]");
    o.mode = argv[1];
    for (int i = 2; i < argc; i++) {
        char *value = strchr(argv[i], '=');
        if (!value)
            die("options are name=value");
        *value = 0;
        set(&o, argv[i], value + 1);
    }
    const struct mode *mode = mode_named(o.mode);
    signal(SIGPIPE, SIG_IGN);
    note("openssl", OpenSSL_version(OPENSSL_VERSION));

    struct meeting m = meet(&o);
    struct control c = control_new();
    pid_t child = fork();
    if (child < 0)
        die("fork");
    if (child == 0) {
        control_keep(&c, 1);
        mode->server(&o, &m, &c);
        exit(0);
    }
    control_keep(&c, 0);
    mode->client(&o, &m, &c);

    int status;
    if (waitpid(child, &status, 0) != child || status != 0)
        die("the server failed");
    return 0;
}
