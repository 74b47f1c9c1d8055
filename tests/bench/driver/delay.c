/* A network that takes its time, for kernels without netem: packets that leave through a tun device
 * enter through another one later. It never sleeps while it holds one, so that no timer and no
 * waking up of a CPU adds to the time; it is meant to have a lower priority than whoever it works
 * for, and thus to have their CPU while they wait. */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { ROOM = 512, LONGEST = 2048 };

struct packet {
	uint64_t due_ns;
	size_t length;
	char bytes[LONGEST];
};

static int device_open(const char *net, const char *name)
{
	struct ifreq device = {.ifr_flags = IFF_TUN | IFF_NO_PI};
	int namespace = open(net, O_RDONLY | O_CLOEXEC), fd, of;

	if (namespace < 0 || setns(namespace, CLONE_NEWNET))
		die(net);
	close(namespace);
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		die("/dev/net/tun");
	snprintf(device.ifr_name, sizeof(device.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &device))
		die(name);
	of = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	device.ifr_flags = IFF_UP | IFF_RUNNING;
	if (of < 0 || ioctl(of, SIOCSIFFLAGS, &device))
		die(name);
	close(of);
	return fd;
}

int mode_delay(int argc, char **argv)
{
	static struct packet packets[ROOM];
	const uint64_t delay_ns = (uint64_t)number(argv[0]) * 1000;
	uint64_t in = 0, out = 0;
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), from, to;

	(void)argc;
	from = device_open(argv[1], argv[2]);
	if (own < 0 || setns(own, CLONE_NEWNET))
		die("/proc/self/ns/net");
	to = device_open(argv[3], argv[4]);
	printf("{}\n");
	for (;;) {
		struct packet *next = &packets[in % ROOM], *first = &packets[out % ROOM];
		ssize_t got = in - out < ROOM ? read(from, next->bytes, LONGEST) : -1;

		if (got > 0) {
			next->due_ns = now_ns() + delay_ns;
			next->length = (size_t)got;
			in++;
		} else if (in == out) {
			struct pollfd pollers[] = {{.fd = from, .events = POLLIN},
			                           {.fd = STDIN_FILENO, .events = POLLIN}};

			if (poll(pollers, 2, -1) > 0 && pollers[1].revents)
				return 0;
		}
		if (in != out && now_ns() >= first->due_ns) {
			/* One that it does not take is lost, as in any network. */
			if (write(to, first->bytes, first->length) < 0 && errno == EIO)
				die(argv[4]);
			out++;
		}
	}
}
