#include "commands/commands.h"

#include "commands/options.h"
#include "formats/words.h"
#include "report/complain.h"
#include "report/source.h"
#include "shared/mode.h"
#include "shared/read.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char HELP[] =
	"Usage: lbdns mode [on|observe|off|default] [options]\n"
	"\n"
	"Orders the running clients of this user, and those that come, within a second:\n"
	"  on        connections rotate, also where LBDNS_MODE=observe\n"
	"  observe   nothing is changed, but counted: left alone, observed\n"
	"  off       straight through\n"
	"  default   as each client's LBDNS_MODE says\n"
	"Without one of them, shows what is ordered. A client started with LBDNS_MODE=off,\n"
	"or LBDNS_SHARED=off, takes no orders.\n"
	"\n"
	"  --name NAME   for this name alone; wins over what is ordered for all\n"
	"  --pid PID     the clients of the user and IPC namespace of this process\n"
	"  --all         those of all users and containers (as root)\n"
	"\n"
	"Exit status: 0 done; 1 there are no clients to order, or not that name;\n"
	"2 wrong use.\n";

struct order {
	struct targets targets;
	bool given, named;     /* an order is given; --name is */
	enum mode_order order; /* if given */
	struct name_text name; /* if named */
	unsigned *found;       /* sources that have the name, in memory that children have too */
};

/* ---- In the shared memory of one source */

static void visit_order(void *context)
{
	struct order *order = context;

	if (!order->named)
		mode_order(order->order);
	else if (mode_order_name(&order->name, order->order))
		++*order->found;
}

static void visit_show(void *context)
{
	char plain[CONFIG_NAME_SIZE];
	struct read_name name;

	(void)context;
	printf("all names: %s\n", words_order(mode_get()));
	for (uint32_t i = 0; i < SHARED_NAMES; i++)
		if (read_name(i, &name) && name.order != MODE_ORDER_NONE)
			printf("%s: %s\n", words_plain(name.text.text, plain, sizeof(plain)),
			       words_order(name.order));
}

/* ---- The command */

static bool order_read(struct order *order, const char *word)
{
	static const enum mode_order orders[] = {MODE_ORDER_NONE, MODE_ORDER_OFF,
	                                         MODE_ORDER_OBSERVE, MODE_ORDER_ON};

	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (strcmp(word, words_order(orders[i])))
			continue;
		order->order = orders[i];
		order->given = true;
		return true;
	}
	complain("mode %s: use on, observe, off or default", word);
	return false;
}

static bool name_read(struct order *order, const char *name)
{
	order->named = true;
	if (name_normalize(name, &order->name))
		return true;
	complain("--name %s: not a name", name);
	return false;
}

static void heading(const struct source *source)
{
	printf("user %u%s%s: ", source->uid, source->container[0] ? ", container " : "",
	       source->container);
}

static int visit_all(struct order *order)
{
	unsigned count, done = 0;
	struct source *sources = sources_find(&order->targets, &count);

	if (!sources)
		return FAILED;
	for (unsigned i = 0; i < count; i++) {
		if (!order->given && order->targets.all)
			heading(&sources[i]);
		if (!source_visit(&sources[i], order->given,
		                  order->given ? visit_order : visit_show, order))
			done++;
		else if (!order->targets.all || errno != ENOENT)
			source_complain(&sources[i]);
	}
	free(sources);
	if (!done && order->targets.all)
		complain("no client of any user has used lbdns");
	if (done && order->given && order->named && !*order->found) {
		complain("%s is no name that clients have used; lbdns status shows those",
		         order->name.text);
		return FAILED;
	}
	return done ? DONE : FAILED;
}

int mode_main(int count, char **arguments)
{
	struct order order = {.given = false};
	const char *name = NULL;
	const struct own_option own[] = {{"name", NULL, &name}, {NULL, NULL, NULL}};
	const struct options options = {.help = HELP, .own = own, .targets = &order.targets};
	int end;

	/* The order may stand before, between or behind the options. */
	while ((end = options_read(count, arguments, &options)) == OPTIONS_READ && optind < count) {
		if (order.given) {
			complain("mode takes one order, not %s too", arguments[optind]);
			return WRONG_USE;
		}
		if (!order_read(&order, arguments[optind++]))
			return WRONG_USE;
	}
	if (end != OPTIONS_READ)
		return end;
	if (name && !name_read(&order, name))
		return WRONG_USE;
	if (order.named && !order.given) {
		complain("mode --name needs an order: on, observe, off or default");
		return WRONG_USE;
	}
	order.found = source_memory(sizeof(*order.found));
	return order.found ? visit_all(&order) : FAILED;
}
