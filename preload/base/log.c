/* Only system calls of our own: libc's write(2), open(2) and close(2) are cancellation points, and
 * a client must not be cancelled in the middle of a line of ours.
 *
 * State: stderr_file, which log_start writes in the constructor and everyone else only reads. */
#include "base/attributes.h"
#include "base/log.h"

#include "base/kernel.h"
#include "base/signals.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

/* Of 32-bit systems, the kernel's structures for these calls are not those of libc. */
_Static_assert(sizeof(long) == 8, "struct stat, struct timespec and signal sets are the kernel's");

enum { LINE_SIZE = 255 };

static struct {
	bool known;
	dev_t device;
	ino_t inode;
} stderr_file;

struct line {
	char text[LINE_SIZE];
	unsigned length;
};

void log_start(void)
{
	struct stat status;

	stderr_file.known = kernel_call(SYS_fstat, STDERR_FILENO, &status) == 0;
	if (stderr_file.known) {
		stderr_file.device = status.st_dev;
		stderr_file.inode = status.st_ino;
	}
}

/* -1 if descriptor 2 is not (or no longer) the file it was. Not inlined: its struct stat is gone
 * from the stack when the line comes. */
static SELDOM int open_stderr(void)
{
	struct stat status;

	if (!stderr_file.known || kernel_call(SYS_fstat, STDERR_FILENO, &status) != 0 ||
	    status.st_dev != stderr_file.device || status.st_ino != stderr_file.inode)
		return -1;
	return STDERR_FILENO;
}

/* Opened anew for each line: a descriptor kept open would be one more in the client's table, which
 * it may count, close or reuse for a file of its own. Symbolic links are followed, because
 * /dev/stderr and /proc/1/fd/1 are what one names in a container. Not blocking, for a FIFO without
 * a reader. */
static int open_file(void)
{
	return (int)kernel_call(SYS_openat, AT_FDCWD, config.log_file,
	                        O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
	                        0600);
}

/* While a line is written no signal handler of the client may run and leave by siglongjmp: it would
 * leave our descriptor open. Nor may the signals of write(2) arrive: SIGPIPE, SIGXFSZ (at
 * RLIMIT_FSIZE) and SIGTTOU (of a background job on its terminal; blocked, it does no harm). */
struct held_signals {
	signal_set mask;    /* of the client */
	signal_set pending; /* before our write: not ours to take back */
};

static bool signals_hold(struct held_signals *held)
{
	/* A fault, or a SIGSYS of a seccomp filter, kills where it is blocked. */
	if (!signals_block(~(signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGFPE) |
	                     signal_bit(SIGILL) | signal_bit(SIGTRAP) | signal_bit(SIGSYS) |
	                     signals_of_libc()),
	                   &held->mask))
		return false;
	if (kernel_call(SYS_rt_sigpending, &held->pending, sizeof(held->pending)) != 0)
		held->pending = UINT64_MAX;
	return true;
}

static void signals_release(const struct held_signals *held)
{
	signals_restore(held->mask);
}

/* Left out where it would block: a full pipe whose reader sleeps. */
static void write_unfelt(int fd, const struct iovec *parts, size_t count,
                         const struct held_signals *held)
{
	signal_set raised = (signal_bit(SIGPIPE) | signal_bit(SIGXFSZ)) & ~held->pending;
	struct timespec at_once = {0, 0};
	struct pollfd writable = {.fd = fd, .events = POLLOUT};
	long error;

	if (kernel_call(SYS_ppoll, &writable, 1, &at_once, NULL, sizeof(raised)) != 1)
		return;
	/* The kernel sends these signals to the thread that writes, before the call returns. */
	error = kernel_call(SYS_writev, fd, parts, count);
	if (error == -EPIPE || error == -EFBIG)
		kernel_call(SYS_rt_sigtimedwait, &raised, NULL, &at_once, sizeof(raised));
}

/* The last byte is kept for the newline. */
static void line_add(struct line *line, const char *text)
{
	for (; *text && line->length < LINE_SIZE - 1; text++)
		line->text[line->length++] = *text >= ' ' && *text <= '~' ? *text : '?';
}

/* Not inlined: a level that is off must not pay for the line's stack. */
static SELDOM void line_write(enum config_log level, int fd, va_list texts,
                              const struct held_signals *held)
{
	static const char levels[][8] = {"off", "error", "warn", "info", "debug"};
	struct line line;
	char pid[21];

	line.length = 0;
	line_add(&line, "lbdns[");
	line_add(&line, text_number((uint64_t)kernel_call(SYS_getpid), pid));
	line_add(&line, "]: ");
	line_add(&line, levels[level]);
	line_add(&line, ": ");
	for (const char *text; (text = va_arg(texts, const char *));)
		line_add(&line, text);
	line.text[line.length] = '\n';

	struct iovec whole = {line.text, line.length + 1};

	write_unfelt(fd, &whole, 1, held);
}

void log_line(enum config_log level, ...)
{
	struct held_signals held;

	if (level == LOG_OFF || !log_wants(level))
		return;
	if (signals_hold(&held)) {
		int fd = config.log_file ? open_file() : open_stderr();

		if (fd >= 0) {
			va_list texts;

			va_start(texts, level);
			line_write(level, fd, texts, &held);
			va_end(texts);
		}
		if (fd >= 0 && config.log_file)
			kernel_call(SYS_close, fd);
		signals_release(&held);
	}
}

SELDOM void log_setting_error(const char *line)
{
	struct held_signals held;
	struct iovec parts[] = {
		{(char *)"lbdns: ", 7},
		{(char *)line, strlen(line)},
		{(char *)"\n", 1},
	};

	if (log_wants(LOG_ERROR) && open_stderr() >= 0 && signals_hold(&held)) {
		write_unfelt(STDERR_FILENO, parts, 3, &held);
		signals_release(&held);
	}
}
