/* The trace: a file mapped by every process of a compile, to which each appends.
 *
 * Head of 64 bytes, then records: a word of kind << 24 | length, the path's bytes,
 * zeros up to a multiple of 4. The word is stored last, so a word of 0 before the
 * tail means that a process was killed while it wrote. trace.go reads it. */
#include "preload.h"

#include <elf.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#define MAGIC 0x31454341525452ull /* "RTRACE1" */
#define MAX_PATH 8192             /* longer ones the kernel refuses, folder included */

struct head {
	uint64_t magic;
	uint64_t size;     /* of the whole file */
	uint64_t tail;     /* where the next record goes; may pass size */
	uint32_t expected; /* processes that were started */
	uint32_t attached; /* processes that record */
	uint32_t flags;
	uint32_t padding[7];
};

enum { UNKNOWN, ON, OFF };

static int state;
static struct head *trace;

/* What this process has written, by a hash of kind and path: a compiler asks about
 * the same folders again and again. A full neighbourhood means that something is
 * written twice, a collision of 64 bits that something is left out: with 10,000
 * paths a chance of 1 in 10^12. */
#define SET_SIZE (1u << 14)
#define SET_PROBES 8
static uint64_t noted[SET_SIZE];

/* The working folder, and how often it changed. */
static char folder[MAX_PATH];
static size_t folder_length;
static uint64_t folder_changes;

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
	__atomic_fetch_add(&h->attached, 1, __ATOMIC_RELAXED);
	return ON;
}

/* begin decides once whether to record. It may run before our constructor, from the
 * static initialisation of a library, but then there is one thread only. */
static int begin(void) {
	int saved = errno;
	int s = attach();
	__atomic_store_n(&state, s, __ATOMIC_RELEASE);
	if (s == ON) {
		const char *program = (const char *)getauxval(AT_EXECFN);
		if (program)
			note(EXECUTED, AT_FDCWD, program);
	}
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

void note_lost(void) {
	if (tracing())
		__atomic_fetch_or(&trace->flags, LOST, __ATOMIC_RELAXED);
}

void expect_process(int count) {
	if (tracing())
		__atomic_fetch_add(&trace->expected, (uint32_t)count, __ATOMIC_RELAXED);
}

/* append writes one record: the path is prefix, a slash and rest; rest alone if prefix is
 * NULL. The root folder is an empty prefix. */
static void append(char kind, const char *prefix, size_t prefix_length, const char *rest, size_t length) {
	size_t whole = length + (prefix ? prefix_length + 1 : 0);
	if (whole > MAX_PATH) {
		note_lost();
		return;
	}
	uint64_t need = (4 + whole + 3) & ~(uint64_t)3;
	uint64_t at = __atomic_fetch_add(&trace->tail, need, __ATOMIC_RELAXED);
	if (at + need > trace->size) {
		__atomic_fetch_or(&trace->flags, OVERFLOWED, __ATOMIC_RELAXED);
		return;
	}
	char *to = (char *)trace + at + 4;
	if (prefix) {
		memcpy(to, prefix, prefix_length);
		to += prefix_length;
		*to++ = '/';
	}
	memcpy(to, rest, length);
	uint32_t *word = (uint32_t *)(void *)((char *)trace + at);
	__atomic_store_n(word, (uint32_t)(unsigned char)kind << 24 | (uint32_t)whole, __ATOMIC_RELEASE);
}

static uint64_t hash(const char *s, size_t n, uint64_t h) {
	const uint64_t odd = 0x9e3779b97f4a7c15ull;
	h = (h ^ n) * odd;
	for (; n >= 8; n -= 8, s += 8) {
		uint64_t x;
		memcpy(&x, s, 8);
		h = (h ^ x) * odd;
		h ^= h >> 29;
	}
	uint64_t x = 0;
	memcpy(&x, s, n);
	h = (h ^ x) * odd;
	h ^= h >> 32;
	h *= odd;
	h ^= h >> 29;
	return h ? h : 1;
}

/* known reports whether h was noted before; with add, it is from now on. */
static int known(uint64_t h, int add) {
	for (unsigned i = 0; i < SET_PROBES; i++) {
		uint64_t *slot = &noted[(h + i) & (SET_SIZE - 1)];
		uint64_t there = __atomic_load_n(slot, __ATOMIC_RELAXED);
		if (there == h)
			return 1;
		if (there)
			continue;
		if (!add)
			return 0;
		if (__atomic_compare_exchange_n(slot, &there, h, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return 0;
		if (there == h)
			return 1;
	}
	return 0;
}

void forget_folder(void) {
	folder_length = 0;
	folder_changes++;
}

/* working_folder finds out where relative paths begin. */
static int working_folder(void) {
	if (folder_length)
		return 1;
	long n = syscall(SYS_getcwd, folder, sizeof folder); /* counts the final zero */
	if (n < 2 || folder[0] != '/')
		return 0;
	folder_length = (size_t)n - 1;
	return 1;
}

/* descriptor_folder is the path of an open folder. */
static size_t descriptor_folder(int fd, char *path, size_t size) {
	char name[40] = "/proc/self/fd/", digits[12];
	size_t n = 0, at = strlen(name);
	for (unsigned f = (unsigned)fd; n == 0 || f; f /= 10)
		digits[n++] = (char)('0' + f % 10);
	while (n)
		name[at++] = digits[--n];
	name[at] = 0;
	long got = syscall(SYS_readlinkat, AT_FDCWD, name, path, size);
	return got > 0 && (size_t)got < size && path[0] == '/' ? (size_t)got : 0;
}

/* of_interest leaves out what every process asks about itself. */
static int of_interest(const char *path, size_t n) { return n < 11 || memcmp(path, "/proc/self/", 11) != 0; }

static uint64_t key(char kind, const char *path, size_t n) {
	uint64_t seed = (uint64_t)(unsigned char)kind << 56;
	if (path[0] != '/')
		seed ^= folder_changes + 1;
	return hash(path, n, seed);
}

static void note_under_descriptor(char kind, int dirfd, const char *path, size_t n) {
	char prefix[MAX_PATH];
	size_t length = descriptor_folder(dirfd, prefix, sizeof prefix);
	if (!length)
		note_lost();
	else
		append(kind, prefix, length, path, n);
}

void note(char kind, int dirfd, const char *path) {
	if (!tracing() || !path || !*path)
		return;
	size_t n = strlen(path);
	if (!of_interest(path, n))
		return;
	int saved = errno;
	note_new_libraries();
	if (path[0] != '/' && dirfd != AT_FDCWD)
		note_under_descriptor(kind, dirfd, path, n);
	else if (known(key(kind, path, n), 1))
		;
	else if (path[0] == '/')
		append(kind, NULL, 0, path, n);
	else if (working_folder())
		append(kind, folder, folder_length == 1 ? 0 : folder_length, path, n); /* "/" is empty */
	else
		note_lost();
	errno = saved;
}

int first_note(char kind, int dirfd, const char *path) {
	if (!tracing() || !path || !*path)
		return 0;
	if (path[0] != '/' && dirfd != AT_FDCWD)
		return 1;
	return !known(key(kind, path, strlen(path)), 0);
}

int kernel_mode(int dirfd, const char *path, int nofollow) {
	int flags = nofollow ? AT_SYMLINK_NOFOLLOW : 0;
#ifdef SYS_statx
	struct { /* struct statx, which old headers lack */
		uint32_t before[7];
		uint16_t mode, between;
		uint32_t after[64];
	} b;
	if (syscall(SYS_statx, dirfd, path, flags, 1u /* STATX_TYPE */, &b) == 0)
		return b.mode;
	if (errno != ENOSYS)
		return 0;
#endif
#ifdef SYS_newfstatat
	struct stat st;
	if (syscall(SYS_newfstatat, dirfd, path, &st, flags) == 0)
		return (int)st.st_mode;
#endif
	return 0;
}

void note_existing(int dirfd, const char *path, int nofollow) {
	if (!tracing() || !path || !*path)
		return;
	if (!first_note(SEEN, dirfd, path) || !first_note(FOLDER, dirfd, path))
		return;
	int saved = errno;
	int mode = kernel_mode(dirfd, path, nofollow);
	note(!mode ? MISSED : S_ISDIR(mode) ? FOLDER : S_ISLNK(mode) ? LINK : SEEN, dirfd, path);
	errno = saved;
}

/* note_failure records a call that failed. Where the path is there nevertheless, by
 * what it is: as a file that was read if we cannot know better. */
void note_failure(int dirfd, const char *path, int error) {
	if (!tracing() || error == EFAULT || error == EBADF || !path || !*path)
		return;
	int saved = errno, mode = 0;
	if (error != ENOENT && error != ENOTDIR && error != ENAMETOOLONG)
		mode = kernel_mode(dirfd, path, 0);
	note(!mode ? MISSED : S_ISDIR(mode) ? FOLDER : READ, dirfd, path);
	errno = saved;
}

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
