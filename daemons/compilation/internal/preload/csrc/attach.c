/* How the trace of this process begins: the environment names it, and the process attaches
 * once. Here is all of the records that the second observer does in another way. */
#include "preload.h"

#include <sys/auxv.h>
#include <sys/mman.h>

enum { UNKNOWN, ON, OFF };

static int state;

/* The working folder, and how often it changed. */
static char folder[MAX_PATH];
static size_t folder_length;
uint64_t folder_changes;

static char **environment(void) {
	extern char **environ;
	return environ;
}

static const char *setting(const char *variable) {
	size_t n = strlen(variable);
	for (char **e = environment(); e && *e; e++)
		if (!strncmp(*e, variable, n))
			return *e;
	return NULL;
}

/* The setting as it was when we attached: programs like env clear their environment. */
static char kept_setting[128];

const char *trace_setting(void) { return kept_setting; }

/* attach maps the trace that the environment names. */
static int attach(void) {
	const char *s = setting(TRACE_VARIABLE);
	if (!s || strlen(s) >= sizeof kept_setting)
		return OFF;
	int fd = (int)syscall(SYS_openat, AT_FDCWD, s + sizeof TRACE_VARIABLE - 1, O_RDWR | O_CLOEXEC, 0);
	if (fd < 0)
		return OFF;
	off_t size = lseek(fd, 0, SEEK_END);
	void *m = size < (off_t)sizeof(struct head) ? MAP_FAILED
		: mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (m == MAP_FAILED)
		return OFF;
	struct head *h = m;
	if (h->magic != MAGIC || h->size != (uint64_t)size) {
		munmap(m, (size_t)size);
		return OFF;
	}
	trace = h;
	strcpy(kept_setting, s);
	hide_settings();
	process = __atomic_fetch_add(&h->attached, 1, __ATOMIC_RELAXED);
	return ON;
}

/* note_program records what runs here: the program file first, by which the reader tells
 * compilers from other programs; then the name that it was started by, a script's own. */
static void note_program(void) {
	char file[MAX_PATH];
	long n = syscall(SYS_readlinkat, AT_FDCWD, "/proc/self/exe", file, sizeof file - 1);
	struct stamp s;
	if (n > 0) {
		file[n] = 0;
		look(AT_FDCWD, file, 0, &s);
		note_stamped(PROGRAM, AT_FDCWD, file, &s);
	} else {
		note_lost();
	}
	const char *name = (const char *)getauxval(AT_EXECFN);
	if (name) {
		look(AT_FDCWD, name, 0, &s);
		note_stamped(EXECUTED, AT_FDCWD, name, &s);
	}
	note_libraries_at_start();
}

/* begin decides once whether to record. It may run before our constructor, from the
 * static initialisation of a library, but then there is one thread only. */
static int begin(void) {
	int saved = errno;
	int s = attach();
	__atomic_store_n(&state, s, __ATOMIC_RELEASE);
	if (s == ON)
		note_program();
	errno = saved;
	return s == ON;
}

int tracing(void) {
	int s = __atomic_load_n(&state, __ATOMIC_ACQUIRE);
	return s == UNKNOWN ? begin() : s == ON;
}

void attach_again(void) {
	state = UNKNOWN;
	forget_folder();
	tracing();
}

__attribute__((constructor)) static void at_start(void) { tracing(); }

void forget_folder(void) {
	folder_length = 0;
	folder_changes++;
}

const char *working_folder(size_t *length) {
	if (folder_length) {
		*length = folder_length;
		return folder;
	}
	long n = syscall(SYS_getcwd, folder, sizeof folder); /* counts the final zero */
	if (n < 2 || folder[0] != '/')
		return NULL;
	*length = folder_length = (size_t)n - 1;
	return folder;
}

const char *proc_folder(void) { return "/proc/self"; }

unsigned own_pid(void) { return (unsigned)syscall(SYS_getpid); }

int look_open(int fd, struct stamp *s) { return look(fd, "", AT_EMPTY_PATH, s); }

void note_search(const char *variable, const char *otherwise, const char *file, int access_mode) {
	if (!tracing() || !file || !*file || strchr(file, '/'))
		return;
	const char *p = setting(variable);
	p = p ? p + strlen(variable) : otherwise;
	int saved = errno;
	size_t name = strlen(file);
	while (*p) {
		size_t n = strcspn(p, ":");
		char path[4096];
		if (n + name + 2 <= sizeof path) {
			memcpy(path, p, n);
			path[n] = '/';
			memcpy(path + n + (n > 0), file, name + 1); /* an empty one is the working folder */
			if (syscall(SYS_faccessat, AT_FDCWD, path, access_mode) == 0)
				break; /* what it is shows when it has been loaded */
			note_failure(AT_FDCWD, path, errno);
		}
		p += n + (p[n] == ':');
	}
	errno = saved;
}
