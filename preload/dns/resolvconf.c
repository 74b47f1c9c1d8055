#include "dns/resolvconf.h"

#include "base/kernel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/utsname.h>

/* A line may be as long as the search list; the rest of a longer one is ignored. */
enum { RESOLVCONF_LINE_SIZE = 4096 };

/* The bounds of glibc's resolv.h (RES_MAXNDOTS, RES_MAXRETRY). */
enum { NDOTS_MOST = 15, TRIES_MOST = 5, TIMEOUT_MOST_S = 5 };

struct resolvconf_reader {
	struct resolvconf *conf;
	bool search_known; /* from LOCALDOMAIN (which wins), or the file */
	bool search_fixed;
	unsigned servers_named;
};

/* The next word of *line, which moves on behind it; its length, 0 at the end. */
static size_t resolvconf_word(const char **line, const char **word)
{
	const char *start = *line + strspn(*line, " \t\n");
	size_t length = strcspn(start, " \t\n");

	*word = start;
	*line = start + length;
	return length;
}

/* What follows keyword in line; NULL if line has another one. Like libc, only at its very
 * beginning. */
static const char *resolvconf_value(const char *line, const char *keyword)
{
	size_t length = strlen(keyword);

	if (strncmp(line, keyword, length) != 0 || (line[length] != ' ' && line[length] != '\t'))
		return NULL;
	return line + length;
}

static void resolvconf_set_search(struct resolvconf_reader *reader, const char *line, unsigned most)
{
	struct resolvconf *conf = reader->conf;
	const char *word;
	size_t length, used = 0;
	unsigned count = 0;

	while (count < most && (length = resolvconf_word(&line, &word)) > 0) {
		while (length > 0 && word[length - 1] == '.')
			length--;
		if (used + length + 1 > sizeof(conf->search))
			break;
		memcpy(conf->search + used, word, length);
		conf->search[used + length] = '\0';
		used += length + 1;
		count++;
	}
	if (count > 0) {
		conf->search_count = count;
		reader->search_known = true;
	}
}

static bool is_unspecified(const unsigned char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (bytes[i])
			return false;
	return true;
}

/* Notes the interface of a server; returns false if it is none. */
static bool resolvconf_add_scope(struct resolvconf *conf, const unsigned char *bytes,
                                 const char *interface, size_t length)
{
	struct resolvconf_scope *scope = conf->scopes;

	if (length == 0 || length >= sizeof(scope->interface))
		return false;
	while (scope->interface[0])
		scope++; /* there is one for each server */
	memcpy(scope->address, bytes, sizeof(scope->address));
	memcpy(scope->interface, interface, length);
	return true;
}

static void resolvconf_add_server(struct resolvconf_reader *reader, const char *line)
{
	struct resolvconf *conf = reader->conf;
	char text[INET6_ADDRSTRLEN], *end = conf->servers + strlen(conf->servers);
	unsigned char bytes[16];
	const char *word, *scope;
	size_t length = resolvconf_word(&line, &word), whole = length;
	bool v4;

	if (length == 0 || reader->servers_named == RESOLVCONF_SERVERS)
		return;
	reader->servers_named++;
	scope = memchr(word, '%', length);
	if (scope)
		length = (size_t)(scope - word);
	if (length >= sizeof(text))
		return;
	memcpy(text, word, length);
	text[length] = '\0';
	v4 = inet_pton(AF_INET, text, bytes) == 1;
	if ((v4 && scope) || (!v4 && inet_pton(AF_INET6, text, bytes) != 1))
		return;
	if (scope && !resolvconf_add_scope(conf, bytes, scope + 1, whole - length - 1))
		return;
	/* The kernel connects to the loopback address instead (ip_route_connect), from which the
	 * answer comes. */
	if (is_unspecified(bytes, v4 ? 4 : 16)) {
		memcpy(text, v4 ? "127.0.0.1" : "::1", v4 ? sizeof("127.0.0.1") : sizeof("::1"));
		length = strlen(text);
	}

	if (end != conf->servers)
		*end++ = ',';
	if (!v4)
		*end++ = '[';
	memcpy(end, text, length + 1);
	if (!v4)
		memcpy(end + length, "]:53", sizeof("]:53"));
}

/* The number behind a colon, between least and most. */
static unsigned resolvconf_number(const char *digits, unsigned least, unsigned most)
{
	unsigned value = 0;

	while (*digits >= '0' && *digits <= '9' && value <= most)
		value = value * 10 + (unsigned)(*digits++ - '0');
	return value < least ? least : value > most ? most : value;
}

/* Returns true if a line goes on with a word; glibc compares as many letters as its own word has.
 */
static bool is_word(const char *line, const char *word)
{
	return strncmp(line, word, strlen(word)) == 0;
}

static void resolvconf_set_options(struct resolvconf *conf, const char *line)
{
	const char *word;

	while (resolvconf_word(&line, &word) > 0) {
		if (strncmp(word, "ndots:", 6) == 0)
			conf->ndots = resolvconf_number(word + 6, 0, NDOTS_MOST);
		else if (strncmp(word, "timeout:", 8) == 0)
			conf->timeout_ms = 1000 * resolvconf_number(word + 8, 1, TIMEOUT_MOST_S);
		else if (strncmp(word, "attempts:", 9) == 0)
			conf->tries = resolvconf_number(word + 9, 1, TRIES_MOST);
		else if (is_word(word, "use-vc"))
			conf->use_vc = true;
		else if (is_word(word, "no-aaaa"))
			conf->no_aaaa = true;
	}
}

static void resolvconf_line(struct resolvconf_reader *reader, const char *line)
{
	const char *value;

	if ((value = resolvconf_value(line, "nameserver")))
		resolvconf_add_server(reader, value);
	else if ((value = resolvconf_value(line, "options")))
		resolvconf_set_options(reader->conf, value);
	else if (reader->search_fixed)
		return;
	else if ((value = resolvconf_value(line, "search")))
		resolvconf_set_search(reader, value, RESOLVCONF_CANDIDATES - 1);
	else if ((value = resolvconf_value(line, "domain")))
		resolvconf_set_search(reader, value, 1);
}

static bool resolvconf_lines(struct resolvconf_reader *reader, const char *path)
{
	char buffer[RESOLVCONF_LINE_SIZE + 1];
	size_t used = 0;
	long got;
	bool cut = false; /* in a line too long, of which the beginning was taken */
	int file = (int)kernel_call(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (file < 0)
		return false;
	while ((got = kernel_call(SYS_read, file, buffer + used, RESOLVCONF_LINE_SIZE - used)) >
	       0) {
		char *line = buffer, *end;

		used += (size_t)got;
		buffer[used] = '\0';
		while ((end = memchr(line, '\n', used - (size_t)(line - buffer)))) {
			*end = '\0';
			if (!cut)
				resolvconf_line(reader, line);
			cut = false;
			line = end + 1;
		}
		used -= (size_t)(line - buffer);
		memmove(buffer, line, used + 1);
		if (used == RESOLVCONF_LINE_SIZE) {
			if (!cut)
				resolvconf_line(reader, buffer);
			cut = true;
			used = 0;
		}
	}
	if (used > 0 && !cut)
		resolvconf_line(reader, buffer);
	kernel_call(SYS_close, file);
	return got == 0;
}

/* Without a search list: the domain of the host's own name (resolv.conf(5)). */
static void resolvconf_search_host(struct resolvconf_reader *reader)
{
	struct utsname host;
	const char *dot;

	if (kernel_call(SYS_uname, &host) == 0 && (dot = strchr(host.nodename, '.')))
		resolvconf_set_search(reader, dot + 1, 1);
}

bool resolvconf_read_file(const char *path, struct resolvconf *conf)
{
	struct resolvconf_reader reader = {.conf = conf};
	int saved_errno = errno;
	bool whole;

	memset(conf, 0, sizeof(*conf));
	conf->ndots = 1;
	conf->timeout_ms = 1000 * TIMEOUT_MOST_S;
	conf->tries = 2;
	conf->edns = true;

	if (config.localdomain) {
		reader.search_fixed = true;
		resolvconf_set_search(&reader, config.localdomain, RESOLVCONF_CANDIDATES - 1);
	}
	whole = resolvconf_lines(&reader, path);
	if (!reader.search_known && !reader.search_fixed)
		resolvconf_search_host(&reader);
	if (config.res_options)
		resolvconf_set_options(conf, config.res_options);
	if (reader.servers_named == 0)
		memcpy(conf->servers, "127.0.0.1", sizeof("127.0.0.1"));
	errno = saved_errno;
	return whole;
}

bool resolvconf_read(struct resolvconf *conf)
{
	return resolvconf_read_file("/etc/resolv.conf", conf);
}

/* Appends labels in lower case, a dot before them if there were any; false if the result is no name
 * of DNS. */
static bool resolvconf_append(char *candidate, size_t *length, const char *labels,
                              size_t labels_length)
{
	size_t label = 0;

	if (*length > 0 && labels_length > 0) {
		if (*length + 1 >= CONFIG_NAME_SIZE)
			return false;
		candidate[(*length)++] = '.';
	}
	for (size_t i = 0; i < labels_length; i++) {
		unsigned char c = (unsigned char)labels[i];

		/* A backslash would be an escape to c-ares, and to libc. */
		if (c <= ' ' || c == 0x7f || c == '\\' || *length >= CONFIG_NAME_SIZE - 3)
			return false;
		label = c == '.' ? 0 : label + 1;
		if (label > 63 || (c == '.' && (i == 0 || labels[i - 1] == '.')))
			return false;
		candidate[(*length)++] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	candidate[*length] = '\0';
	return *length > 0 && candidate[*length - 1] != '.';
}

bool resolvconf_candidate(const struct resolvconf *conf, const char *name, unsigned index,
                          char *candidate)
{
	size_t name_length = strlen(name);
	const char *domain = conf->search;
	unsigned dots = 0, found = 0, domains = conf->search_count;
	bool as_is_tried = false;

	for (size_t i = 0; i < name_length; i++)
		dots += name[i] == '.';
	if (name_length > 0 && name[name_length - 1] == '.') {
		name_length--;
		domains = 0;
	}
	/* First the name as it is, if it has dots enough; then the search list; then the name, if
	 * not tried yet. */
	for (unsigned turn = 0; turn < domains + 2; turn++) {
		bool searching = turn > 0 && turn <= domains;
		const char *suffix = searching ? domain : "";
		size_t length = 0;

		if (searching)
			domain += strlen(domain) + 1;
		else if (turn == 0 && dots < conf->ndots && domains > 0)
			continue;
		if (*suffix == '\0' && as_is_tried)
			continue;
		as_is_tried |= *suffix == '\0';
		if (resolvconf_append(candidate, &length, name, name_length) &&
		    resolvconf_append(candidate, &length, suffix, strlen(suffix)) &&
		    found++ == index)
			return true;
	}
	return false;
}
