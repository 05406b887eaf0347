/* The calls that turn a time into a date. A compiler makes one for __DATE__ and __TIME__,
 * however it came to them, and one for __TIMESTAMP__ with the time of a file. A result with
 * the time of now in it is another one the next second. */
#include "preload.h"

#include <time.h>

/* A time this near counts as now: programs ask for the time some moments before. */
#define NEAR_SECONDS 5

static void asked_for_date(const time_t *t) {
	if (!t || !tracing())
		return;
	int error = errno;
	struct timespec now;
	if (syscall(SYS_clock_gettime, CLOCK_REALTIME, &now) != 0 ||
	    (*t > now.tv_sec - NEAR_SECONDS && *t < now.tv_sec + NEAR_SECONDS))
		note(CLOCK, AT_FDCWD, "/");
	errno = error;
}

#define WRAP_DATE(type, name, zone, parameters, arguments)                                            \
	WRAP(type, name, parameters) {                                                                \
		if (zone)                                                                             \
			note(ZONE, AT_FDCWD, "/");                                                    \
		asked_for_date(t);                                                                    \
		return REAL(name) arguments;                                                          \
	}
WRAP_DATE(struct tm *, localtime, 1, (const time_t *t), (t))
WRAP_DATE(struct tm *, localtime_r, 1, (const time_t *t, struct tm *tm), (t, tm))
WRAP_DATE(struct tm *, gmtime, 0, (const time_t *t), (t))
WRAP_DATE(struct tm *, gmtime_r, 0, (const time_t *t, struct tm *tm), (t, tm))
WRAP_DATE(char *, ctime, 1, (const time_t *t), (t))
WRAP_DATE(char *, ctime_r, 1, (const time_t *t, char *text), (t, text))

WRAP(time_t, mktime, (struct tm *tm)) {
	note(ZONE, AT_FDCWD, "/");
	return REAL(mktime)(tm);
}
