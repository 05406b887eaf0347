/* Libraries that are loaded while the program runs: plugins and what they need. Those
 * that are there at the start are the compiler's own, and part of its identity. */
#include "preload.h"

#include <link.h>

static int at_start;
static int unnoted; /* a dlopen happened since the last look */

static int count(struct dl_phdr_info *info, size_t size, void *n) {
	(void)info, (void)size;
	++*(int *)n;
	return 0;
}

__attribute__((constructor)) static void count_libraries(void) { dl_iterate_phdr(count, &at_start); }

static int note_library(struct dl_phdr_info *info, size_t size, void *n) {
	(void)size;
	if (++*(int *)n > at_start && info->dlpi_name && info->dlpi_name[0])
		note(READ, AT_FDCWD, info->dlpi_name);
	return 0;
}

/* note_new_libraries is called with every record. The loader keeps libraries in the
 * order in which they came. */
void note_new_libraries(void) {
	if (!__atomic_load_n(&unnoted, __ATOMIC_RELAXED) || !__atomic_exchange_n(&unnoted, 0, __ATOMIC_RELAXED))
		return;
	int n = 0;
	dl_iterate_phdr(note_library, &n);
}

/* The loader tells by the return address who calls, whose RUNPATH counts and whose
 * namespace is meant. So the call is handed on by a jump (the compiler makes one of a
 * return at -O2), and what was loaded is seen with the next record. */
WRAP(void *, dlopen, (const char *path, int flags)) {
	if (path && tracing()) {
		int error = errno, mode;
		if (!strchr(path, '/'))
			note_search("LD_LIBRARY_PATH=", "", path, R_OK);
		else if ((mode = kernel_mode(AT_FDCWD, path, 0)))
			note(S_ISDIR(mode) ? FOLDER : READ, AT_FDCWD, path);
		else
			note_failure(AT_FDCWD, path, errno);
		__atomic_store_n(&unnoted, 1, __ATOMIC_RELAXED);
		errno = error;
	}
	return REAL(dlopen)(path, flags);
}
