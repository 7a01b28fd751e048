// What the parts of a TLS library that log keys look like, small: a connection, a function that
// writes a line if a callback is set, and code that hands secrets over to it.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct connection {
	uint64_t state[0x2c];
	uint8_t client_random[32];
	uint8_t secrets[4][64];
	void (*log)(struct connection *, const char *);
	struct connection *session;
};

static const char hex[] = "0123456789abcdef";

__attribute__((noinline)) int log_secret(struct connection *c, const char *label,
					 const uint8_t *secret, size_t len)
{
	if (!c->log)
		return 1;
	char *line = malloc(strlen(label) + 2 * len + 80), *at = line;
	if (!line)
		return 0;
	at = stpcpy(at, label);
	*at++ = ' ';
	for (int i = 0; i < 32; i++) {
		*at++ = hex[c->client_random[i] >> 4];
		*at++ = hex[c->client_random[i] & 15];
	}
	*at++ = ' ';
	for (size_t i = 0; i < len; i++) {
		*at++ = hex[secret[i] >> 4];
		*at++ = hex[secret[i] & 15];
	}
	*at = 0;
	c->log(c, line);
	free(line);
	return 1;
}

__attribute__((noinline)) int handshake(struct connection *c, int client, size_t len)
{
	c->state[0] += len;
	if (client)
		return log_secret(c, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", c->secrets[0], len);
	return log_secret(c, "SERVER_HANDSHAKE_TRAFFIC_SECRET", c->secrets[1], len);
}

__attribute__((noinline)) int traffic(struct connection *c, int client, size_t len)
{
	const char *label = client ? "CLIENT_TRAFFIC_SECRET_0" : "SERVER_TRAFFIC_SECRET_0";
	if (!log_secret(c, label, c->secrets[2], len))
		return 0;
	c->state[1] += len;
	return log_secret(c, "EXPORTER_SECRET", c->secrets[3], len) &&
	       log_secret(c, "EARLY_EXPORTER_SECRET", c->secrets[3], len);
}

int finished(struct connection *c)
{
	c->state[2]++;
	return log_secret(c, "CLIENT_RANDOM", c->secrets[0], 48);
}

int main(int argc, char **argv)
{
	struct connection *c = calloc(1, sizeof *c);
	return !(handshake(c, argc > 1, 32) && traffic(c, argc > 2, 48) && finished(c));
}
