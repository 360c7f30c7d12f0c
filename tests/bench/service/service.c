/*
 * The service that the supervisors run. In its working directory there is a
 * FIFO, report, to which it writes when it began, and who it is; then it
 * waits. With arguments it first writes so many numbered lines of 80 bytes to
 * its standard output, so many at a time. With NOTIFY in the environment, the
 * number of a descriptor, it writes a newline to that one when it is ready.
 */

#include <err.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define	LINE	80
#define	DIGITS	10
#define	MOST	4096		/* lines at a time */

static void
report(void)
{
	struct {
		int64_t	at;	/* ns, CLOCK_MONOTONIC */
		int64_t	pid;
	} r;
	struct timespec now;
	int fd;

	if (clock_gettime(CLOCK_MONOTONIC, &now) == -1)
		err(1, "clock_gettime");
	r.at = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	r.pid = getpid();
	if ((fd = open("report", O_WRONLY)) == -1)
		err(1, "report");
	if (write(fd, &r, sizeof(r)) != sizeof(r))
		err(1, "report");
	close(fd);
}

static void
notify(void)
{
	const char *fd;

	if ((fd = getenv("NOTIFY")) != NULL && write(atoi(fd), "\n", 1) != 1)
		err(1, "descriptor %s", fd);
}

static void
count(char *digits)
{
	int i;

	for (i = DIGITS - 1; ++digits[i] > '9'; i--)
		digits[i] = '0';
}

static void
lines(long left, long each)
{
	static char block[MOST * LINE];
	char line[LINE];
	long i;
	size_t size, done;
	ssize_t n;

	if (each < 1 || each > MOST)
		errx(64, "at most %d lines at a time", MOST);
	memset(line, '0', DIGITS);
	line[DIGITS] = ' ';
	for (i = DIGITS + 1; i < LINE - 1; i++)
		line[i] = 'a' + i % 26;
	line[LINE - 1] = '\n';
	for (; left > 0; left -= each) {
		if (each > left)
			each = left;
		for (i = 0; i < each; i++) {
			count(line);
			memcpy(block + i * LINE, line, LINE);
		}
		size = each * LINE;
		for (done = 0; done < size; done += n)
			if ((n = write(STDOUT_FILENO, block + done, size - done)) == -1)
				err(1, "write");
	}
}

int
main(int argc, char **argv)
{

	report();
	notify();
	if (argc == 3)
		lines(atol(argv[1]), atol(argv[2]));
	for (;;)
		pause();
}
