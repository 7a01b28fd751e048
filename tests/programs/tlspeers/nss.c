/* SPDX-License-Identifier: Apache-2.0 */
/* cert= names a database with a certificate `localhost`. */
#include "peers.h"

#include <nspr/nspr.h>
#include <nspr/private/pprio.h>
#include <nss/cert.h>
#include <nss/keyhi.h>
#include <nss/nss.h>
#include <nss/pk11pub.h>
#include <nss/ssl.h>
#include <nss/sslproto.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum put { WRITE, SEND, WRITEV };
enum get { READ, RECV, PEEKED };

const int puts_known = WRITEV + 1, gets_known = PEEKED + 1;

struct tls {
    PRFileDesc *fd;
    PRFileDesc *file, *plain[2]; /* that are no connections */
};

static void sure(SECStatus result, const char *what) {
    if (result != SECSuccess)
        die(what);
}

static SECStatus trusted(void *arg, PRFileDesc *fd, PRBool check, PRBool server) {
    (void)arg, (void)fd, (void)check, (void)server;
    return SECSuccess;
}

static void serve(PRFileDesc *fd) {
    CERTCertificate *cert = PK11_FindCertFromNickname("localhost", NULL);
    SECKEYPrivateKey *key = cert ? PK11_FindKeyByAnyCert(cert, NULL) : NULL;

    if (!key)
        die("no certificate");
    sure(SSL_ConfigServerCert(fd, cert, key, NULL, 0), "certificate");
    sure(SSL_ConfigServerSessionIDCache(0, 0, 0, NULL), "cache");
}

struct tls *tls_open(const struct asked *asked, int fd, int server) {
    SSLVersionRange only = {SSL_LIBRARY_VERSION_TLS_1_3, SSL_LIBRARY_VERSION_TLS_1_3};
    struct tls *tls = calloc(1, sizeof(*tls));
    char name[] = "/tmp/tlspeers-XXXXXX";

    if (asked->tls12)
        only.min = only.max = SSL_LIBRARY_VERSION_TLS_1_2;
    sure(NSS_Init(asked->cert), "database");
    sure(NSS_SetDomesticPolicy(), "policy");
    tls->file = PR_ImportFile(mkstemp(name));
    unlink(name);
    if (PR_NewTCPSocketPair(tls->plain) != PR_SUCCESS)
        die("socket pair");
    tls->fd = SSL_ImportFD(NULL, PR_ImportTCPSocket(fd));
    sure(SSL_VersionRangeSet(tls->fd, &only), "version");
    sure(SSL_OptionSet(tls->fd, SSL_SECURITY, PR_TRUE), "security");
    sure(SSL_OptionSet(tls->fd, SSL_HANDSHAKE_AS_SERVER, server), "server");
    sure(SSL_OptionSet(tls->fd, SSL_HANDSHAKE_AS_CLIENT, !server), "client");
    sure(SSL_AuthCertificateHook(tls->fd, trusted, NULL), "hook");
    SSL_SetURL(tls->fd, "localhost");
    if (server)
        serve(tls->fd);
    sure(SSL_ResetHandshake(tls->fd, server), "reset");
    sure(SSL_ForceHandshake(tls->fd), "handshake");
    return tls;
}

const void *tls_pointer(const struct tls *tls) {
    return tls->fd;
}

/* What nobody encrypts: a file, and a socket. */
static void put_plain(struct tls *tls) {
    char back[20];

    if (PR_Write(tls->file, "PLAIN", 5) != 5 || PR_Send(tls->plain[0], "PLAIN", 5, 0, -1) != 5)
        die("plain");
    if (PR_Read(tls->plain[1], back, sizeof(back)) != 5)
        die("plain");
}

static long put_once(struct tls *tls, int way, char *buf, size_t n) {
    PRIOVec parts[4];

    if (way == SEND)
        return PR_Send(tls->fd, buf, n, 0, PR_INTERVAL_NO_TIMEOUT);
    if (way == WRITE || n < 2)
        return PR_Write(tls->fd, buf, n);
    /* What stands beside an int in memory is anything. */
    memset(parts, 0xff, sizeof(parts));
    parts[0].iov_base = buf;
    parts[0].iov_len = 1;
    parts[1].iov_base = NULL;
    parts[1].iov_len = 0;
    parts[2].iov_base = buf + 1;
    parts[2].iov_len = (n - 1) / 2;
    parts[3].iov_base = buf + 1 + (n - 1) / 2;
    parts[3].iov_len = n - 1 - (n - 1) / 2;
    return PR_Writev(tls->fd, parts, 4, PR_INTERVAL_NO_TIMEOUT);
}

void tls_put(struct tls *tls, int way, const void *buf, size_t n) {
    put_plain(tls);
    for (size_t done = 0; done < n;) {
        long put = put_once(tls, way, (char *)buf + done, n - done);
        if (put <= 0)
            die("write");
        done += put;
    }
}

size_t tls_get(struct tls *tls, int way, void *buf, size_t n) {
    char seen[100];
    long got;

    put_plain(tls);
    if (way == PEEKED) {
        got = PR_Recv(tls->fd, seen, sizeof(seen), PR_MSG_PEEK, PR_INTERVAL_NO_TIMEOUT);
        note("peeked", got);
    }
    got = way == READ ? PR_Read(tls->fd, buf, n)
                      : PR_Recv(tls->fd, buf, n, 0, PR_INTERVAL_NO_TIMEOUT);
    if (got < 0)
        die("read");
    return got;
}

void tls_close(struct tls *tls) {
    PR_Close(tls->fd);
    put_plain(tls);
    PR_Close(tls->file);
    PR_Close(tls->plain[0]);
    PR_Close(tls->plain[1]);
    free(tls);
}
