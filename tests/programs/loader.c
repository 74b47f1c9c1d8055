/*
 * loader HOW PLUGIN HOST PORT N: loads PLUGIN (tests/programs/plugin.c), has it look HOST up and connect
 * to the first address, and unloads it, N times; a line for each connection with the address of
 * the pod it reached, in the pod's own words. Every other list is freed by the program, the others
 * by the plugin; between, the program looks up for itself and the plugin frees that list.
 *
 *   open      dlopen
 *   deepbind  (glibc) dlopen, RTLD_DEEPBIND: before all others the plugin finds its own libraries
 *   apart     (glibc) dlmopen, LM_ID_NEWLM: with a libc of its own; each frees its own lists
 *   stays     dlopen, never unloaded
 *   through   dlopen; PLUGIN is liblbdns.so: its getaddrinfo and connect, found with dlsym
 */
#include <dlfcn.h>
#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct plugin {
	void *handle;
	int (*look_up)(const char *, const char *, struct addrinfo **);
	void (*release)(struct addrinfo *);
	int (*visit)(const struct addrinfo *, char *, size_t);
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "loader: %s: %s\n", what, why);
	exit(1);
}

static void *find(void *handle, const char *symbol)
{
	void *found = dlsym(handle, symbol);
	const char *error = dlerror();

	/* As many programs do: what dlerror said before is not asked for. */
	if (error || !found)
		die(symbol, error ? error : "not found");
	return found;
}

static void *load_handle(const char *how, const char *path)
{
#ifdef LM_ID_NEWLM /* not musl */
	if (!strcmp(how, "apart"))
		return dlmopen(LM_ID_NEWLM, path, RTLD_NOW);
	if (!strcmp(how, "deepbind"))
		return dlopen(path, RTLD_NOW | RTLD_DEEPBIND);
#endif
	if (strcmp(how, "open") && strcmp(how, "stays"))
		die(how, "not known here");
	return dlopen(path, RTLD_NOW);
}

static void load(struct plugin *plugin, const char *how, const char *path)
{
	plugin->handle = load_handle(how, path);
	if (!plugin->handle)
		die(path, dlerror());
	*(void **)&plugin->look_up = find(plugin->handle, "plugin_look_up");
	*(void **)&plugin->release = find(plugin->handle, "plugin_release");
	*(void **)&plugin->visit = find(plugin->handle, "plugin_visit");
}

static void use(const char *how, const char *path, const char *host, const char *port, int turn)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_CANONNAME};
	struct addrinfo *list, *own;
	struct plugin plugin;
	bool apart = !strcmp(how, "apart");
	char pod[64];
	int error;

	load(&plugin, how, path);
	error = plugin.look_up(host, port, &list);
	if (error)
		die(host, gai_strerror(error));
	error = plugin.visit(list, pod, sizeof(pod));
	if (error)
		die("connection", strerror(error));
	puts(pod);
	if (turn % 2 && !apart)
		freeaddrinfo(list);
	else
		plugin.release(list);
	if (!getaddrinfo("10.9.8.7", port, &hints, &own)) {
		if (apart)
			freeaddrinfo(own);
		else
			plugin.release(own);
	}
	if (strcmp(how, "stays") && dlclose(plugin.handle))
		die("dlclose", dlerror());
}

static void through(const char *path, const char *host, const char *port, int n)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
	int (*look_up)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	int (*reach)(int, const struct sockaddr *, socklen_t);
	char text[64];

	for (int i = 0; i < n; i++) {
		void *handle = dlopen(path, RTLD_NOW);
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

		if (!handle)
			die(path, dlerror());
		*(void **)&look_up = find(handle, "getaddrinfo");
		*(void **)&reach = find(handle, "connect");
		if (look_up(host, port, &hints, &list) ||
		    reach(fd, list->ai_addr, list->ai_addrlen))
			die(host, "lookup or connection");
		getnameinfo(list->ai_addr, list->ai_addrlen, text, sizeof(text), NULL, 0,
		            NI_NUMERICHOST);
		puts(text);
		freeaddrinfo(list);
		close(fd);
		dlclose(handle);
	}
}

int main(int argc, char **argv)
{
	if (argc != 6) {
		fputs("usage: loader HOW PLUGIN HOST PORT N\n", stderr);
		return 2;
	}
	if (!strcmp(argv[1], "through"))
		through(argv[2], argv[3], argv[4], atoi(argv[5]));
	else
		for (int i = 0; i < atoi(argv[5]); i++)
			use(argv[1], argv[2], argv[3], argv[4], i);
	return 0;
}
