#include "commands/check.h"

#include "formats/words.h"
#include "programs/loaded.h"
#include "report/complain.h"
#include "report/processes.h"

#include <stdio.h>
#include <stdlib.h>

/* Writes a line about a process. */
static void show(pid_t pid, const struct loaded *loaded)
{
	static const char states[][12] = {"loaded",    "off",     "NOT LOADED",
	                                  "not given", "unknown", "gone"};
	char name[LOADED_NAME], why[LOADED_WHY];

	printf("%-8d %-16s %-10s%s%s\n", (int)pid, words_plain(loaded->name, name, sizeof(name)),
	       states[loaded->state], *loaded->why ? " " : "",
	       words_plain(loaded->why, why, sizeof(why)));
}

static int check_all(void)
{
	struct process_list *list = processes_list();
	struct loaded loaded;
	unsigned missed = 0, shown = 0;

	for (unsigned i = 0; list && i < list->count; i++) {
		loaded_look(list->pids[i], &loaded);
		if (loaded.state > LOADED_MISSED)
			continue;
		show(list->pids[i], &loaded);
		shown++;
		missed += loaded.state == LOADED_MISSED;
	}
	free(list);
	if (!shown)
		printf("no process was given liblbdns.so\n");
	return missed || !shown ? FAILED : DONE;
}

int check_process(int pid)
{
	struct loaded loaded;

	if (!pid)
		return check_all();
	loaded_look(pid, &loaded);
	if (loaded.state == LOADED_GONE) {
		complain("there is no process %d", pid);
		return FAILED;
	}
	show(pid, &loaded);
	return loaded.state == LOADED_YES ? DONE : FAILED;
}
