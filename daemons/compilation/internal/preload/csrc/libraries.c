/* Libraries: those that are there at the start, which of a compiler are part of its
 * identity and of other programs are inputs, and those that are loaded while the program
 * runs, plugins and what they need. */
#include "preload.h"

#include <link.h>

static int first_libraries;
static int unnoted; /* a dlopen happened since the last look */

static int count(struct dl_phdr_info *info, size_t size, void *n) {
	(void)info, (void)size;
	++*(int *)n;
	return 0;
}

__attribute__((constructor)) static void count_libraries(void) { dl_iterate_phdr(count, &first_libraries); }

/* is_go reports whether an object holds code that Go's own compiler made. */
static int is_go(const struct dl_phdr_info *info) {
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		if (p->p_type == PT_NOTE && notes_of_go((const char *)(info->dlpi_addr + p->p_vaddr), p->p_memsz))
			return 1;
	}
	return 0;
}

/* first_loader takes the dynamic loader's name from the program itself, the first object. */
static int first_loader(struct dl_phdr_info *info, size_t size, void *name) {
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_INTERP)
			*(const char **)name = (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr);
	return 1;
}

const char *own_loader(void) {
	const char *name = "";
	dl_iterate_phdr(first_loader, &name);
	return name;
}

/* makes_own_calls reports whether an object makes system calls past the C library: code of Go, and
 * liburing, whose calls are in its own code on most machines. */
static int makes_own_calls(const struct dl_phdr_info *info) {
	return is_go(info) || strstr(info->dlpi_name, "/liburing.so");
}

static int note_at_start(struct dl_phdr_info *info, size_t size, void *unused) {
	(void)size, (void)unused;
	struct stamp s;
	if (info->dlpi_name && makes_own_calls(info))
		note_flags(RAW_CALLS);
	const char *own = own_path();
	/* a relative one comes from a relative folder of LD_LIBRARY_PATH or RUNPATH; what the kernel
	 * brings along has no folder */
	if (!info->dlpi_name || !strchr(info->dlpi_name, '/') || (own && !strcmp(info->dlpi_name, own)))
		return 0;
	/* where the loader looked before; the program may have been started with its own value */
	note_search("LD_LIBRARY_PATH=", "", strrchr(info->dlpi_name, '/') + 1, R_OK);
	if (first_note(LIBRARY, AT_FDCWD, info->dlpi_name) &&
	    look(AT_FDCWD, info->dlpi_name, 0, &s))
		note_stamped(LIBRARY, AT_FDCWD, info->dlpi_name, &s);
	return 0;
}

void note_libraries_at_start(void) { dl_iterate_phdr(note_at_start, NULL); }

static int note_library(struct dl_phdr_info *info, size_t size, void *n) {
	(void)size;
	struct stamp s;
	if (++*(int *)n <= first_libraries || !info->dlpi_name || !info->dlpi_name[0])
		return 0;
	if (makes_own_calls(info))
		note_flags(RAW_CALLS);
	look(AT_FDCWD, info->dlpi_name, 0, &s);
	note_stamped(READ, AT_FDCWD, info->dlpi_name, &s);
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

#ifndef __clang__ /* which makes jumps of such calls at all levels that we use */
#pragma GCC push_options
#pragma GCC optimize("O2")
#endif

/* is_libc reports the C library by its own name. A program that asks for it by that finds its
 * functions with dlsym, past ours. */
static int is_libc(const char *path) {
	const char *name = strrchr(path, '/');
	return !strncmp(name ? name + 1 : path, "libc.so", 7);
}

static void will_load(const char *path) {
	int error = errno;
	struct stamp s;
	if (is_libc(path))
		note_flags(RAW_CALLS);
	if (!strchr(path, '/')) {
		note_text(WANTED, path);
		note_search("LD_LIBRARY_PATH=", "", path, R_OK);
	} else if (look(AT_FDCWD, path, 0, &s)) {
		note_stamped(S_ISDIR(s.mode) ? FOLDER : READ, AT_FDCWD, path, &s);
	} else {
		note_failure(AT_FDCWD, path, errno);
	}
	__atomic_store_n(&unnoted, 1, __ATOMIC_RELAXED);
	errno = error;
}

/* The loader tells by the return address who calls, whose RUNPATH counts and whose
 * namespace is meant. So the call is handed on by a jump (the compiler makes one of a
 * return at -O2), and what was loaded is seen with the next record, or at the end. */
WRAP(void *, dlopen, (const char *path, int flags)) {
	if (path && tracing())
		will_load(path);
	return REAL(dlopen)(path, flags);
}

/* A new namespace loads its own copy of the C library. Our wrappers do not see the calls of that copy. */
WRAP(void *, dlmopen, (long space, const char *path, int flags)) {
	if (space)
		note_flags(RAW_CALLS);
	if (path && tracing())
		will_load(path);
	return REAL(dlmopen)(space, path, flags);
}

#ifndef __clang__
#pragma GCC pop_options
#endif

/* exit() calls it as a destructor, and the wrappers below where there are none. */
__attribute__((destructor)) static void note_at_end(void) {
	if (tracing())
		note_new_libraries();
}

#define WRAP_END(name)                                                                                \
	WRAP(__attribute__((noreturn)) void, name, (int code)) {                                      \
		note_at_end();                                                                        \
		REAL(name)(code);                                                                     \
		__builtin_unreachable();                                                              \
	}
WRAP_END(_exit)
WRAP_END(_Exit)
WRAP_END(quick_exit)
