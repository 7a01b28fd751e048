// Knows the labels and takes no secrets: reads a key log back.
#include <stdio.h>
#include <string.h>

__attribute__((noinline)) int is(const char *line, const char *label, size_t len)
{
	return !strncmp(line, label, len);
}

int main(int argc, char **argv)
{
	char line[256];
	int found = 0;
	while (fgets(line, sizeof line, stdin)) {
		found += strcmp(line, "CLIENT_RANDOM") == 0;
		found += is(line, "CLIENT_TRAFFIC_SECRET_0", strlen(line));
		found += is(line, "SERVER_TRAFFIC_SECRET_0", strlen(line));
		found += is(line, "EXPORTER_SECRET", strlen(line));
	}
	return found;
}
