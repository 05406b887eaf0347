/* System calls that a program makes by the C library's syscall(): the same as the calls of
 * files.c, by number. What is not listed here has nothing to do with paths. */
#include "preload.h"

WRAP(long, syscall, (long n, long a, long b, long c, long d, long e, long f)) {
	struct stamp before;
	if (n == SYS_execve)
		return start_program((const char *)a, (char *const *)b, (char *const *)c);
	if (!tracing())
		return REAL(syscall)(n, a, b, c, d, e, f);
	int error = errno;
#ifdef SYS_link
	if (n == SYS_link)
		linked_from(AT_FDCWD, (const char *)a);
#endif
	if (n == SYS_linkat)
		linked_from((int)a, (const char *)b);
	before_call(n, a, b, c, d, &before);
	errno = error;
	long result = REAL(syscall)(n, a, b, c, d, e, f);
	after_call(n, result, a, b, c, d, &before);
	return result;
}
