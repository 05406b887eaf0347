/* The trace: a file mapped by every process of a command, to which each appends.
 *
 * Head of 64 bytes, then records: a word of kind << 24 | STAMPED | length, the number of
 * the process, a struct stamp if STAMPED, the path's bytes, zeros up to a multiple of 4.
 * The word is stored last, so a word of 0 before the tail means that a process was killed
 * while it wrote. trace_linux.go reads it. The second observer writes in the same way. */
#include "preload.h"

#include <sys/sysmacros.h>

#define STAMPED (1u << 23)

uint32_t process;
struct head *trace;

/* What this process has written, by a hash of kind and path: a compiler asks about
 * the same folders again and again. A full neighbourhood means that something is
 * written twice, a collision of 64 bits that something is left out: with 10,000
 * paths a chance of 1 in 10^12. */
#define SET_SIZE (1u << 14)
#define SET_PROBES 8
static uint64_t noted[SET_SIZE];

void note_flags(uint32_t flags) {
	if (tracing() && (__atomic_load_n(&trace->flags, __ATOMIC_RELAXED) & flags) != flags)
		__atomic_fetch_or(&trace->flags, flags, __ATOMIC_RELAXED);
}

void note_lost(void) { note_flags(LOST); }

void expect_process(int count) {
	if (tracing())
		__atomic_fetch_add(&trace->expected, (uint32_t)count, __ATOMIC_RELAXED);
}

/* append writes one record: the path is prefix, a slash and rest; rest alone if prefix is
 * NULL. The root folder is an empty prefix. s is NULL where there is no stamp. */
static void append(char kind, const struct stamp *s, const char *prefix, size_t prefix_length, const char *rest,
		   size_t length) {
	size_t whole = length + (prefix ? prefix_length + 1 : 0), stamp = s ? sizeof *s : 0;
	if (whole > MAX_PATH) {
		note_lost();
		return;
	}
	uint64_t need = (8 + stamp + whole + 3) & ~(uint64_t)3;
	uint64_t at = __atomic_fetch_add(&trace->tail, need, __ATOMIC_RELAXED);
	if (at + need > trace->size) {
		note_flags(OVERFLOWED);
		return;
	}
	char *to = (char *)trace + at + 4;
	memcpy(to, &process, 4);
	to += 4;
	if (s) {
		memcpy(to, s, stamp);
		to += stamp;
	}
	if (prefix) {
		memcpy(to, prefix, prefix_length);
		to += prefix_length;
		*to++ = '/';
	}
	memcpy(to, rest, length);
	uint32_t *word = (uint32_t *)(void *)((char *)trace + at);
	uint32_t head = (uint32_t)(unsigned char)kind << 24 | (s ? STAMPED : 0) | (uint32_t)whole;
	__atomic_store_n(word, head, __ATOMIC_RELEASE);
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

/* descriptor_folder is the path of an open folder. */
static size_t descriptor_folder(int fd, char *path, size_t size) {
	char name[64], digits[12];
	strcpy(name, proc_folder());
	strcat(name, "/fd/");
	size_t n = 0, at = strlen(name);
	for (unsigned f = (unsigned)fd; n == 0 || f; f /= 10)
		digits[n++] = (char)('0' + f % 10);
	while (n)
		name[at++] = digits[--n];
	name[at] = 0;
	long got = syscall(SYS_readlinkat, AT_FDCWD, name, path, size);
	return got > 0 && (size_t)got < size && path[0] == '/' ? (size_t)got : 0;
}

static const char *after(const char *path, const char *beginning) {
	size_t n = strlen(beginning);
	return strncmp(path, beginning, n) ? NULL : path + n;
}

/* end_of returns what follows name in path, if name is all of its first element. */
static const char *end_of(const char *path, const char *name) {
	const char *rest = after(path, name);
	return rest && (*rest == '/' || !*rest) ? rest : NULL;
}

static const char *number(const char *s, unsigned *n) {
	const char *start = s;
	for (*n = 0; *s >= '0' && *s <= '9'; s++)
		*n = *n * 10 + (unsigned)(*s - '0');
	return s > start && (*s == '/' || !*s) ? s : NULL;
}

/* own_proc returns what follows in a path below the kernel's folder about this process. */
const char *own_proc(const char *path) {
	const char *p = after(path, "/proc/"), *rest;
	unsigned pid;
	if (!p)
		return NULL;
	if (!(rest = end_of(p, "self")) && !(rest = end_of(p, "thread-self")) &&
	    (!(rest = number(p, &pid)) || pid != own_pid()))
		return NULL;
	while (*rest == '/')
		rest++;
	if ((p = after(rest, "task/")) && (p = number(p, &pid))) /* of a thread, which shares it all */
		for (rest = p; *rest == '/';)
			rest++;
	return rest;
}

/* own_descriptor returns what follows in a path by way of one of our descriptors. */
static const char *own_descriptor(const char *path, const char *proc, unsigned *fd) {
	static const char *const standard[] = {"/dev/stdin", "/dev/stdout", "/dev/stderr"};
	const char *digits = proc ? after(proc, "fd/") : after(path, "/dev/fd/");
	if (digits)
		return number(digits, fd);
	for (*fd = 0; *fd < 3; ++*fd)
		if (!strcmp(path, standard[*fd]))
			return path + strlen(path);
	return NULL;
}

/* by_process returns whether a path is about this process or leads through it. */
static int by_process(const char *path) { return own_proc(path) || after(path, "/dev/fd/") || after(path, "/dev/std"); }

static uint64_t key(char kind, const char *path, size_t n) {
	uint64_t seed = (uint64_t)(unsigned char)kind << 56 | (uint64_t)process << 24;
	if (path[0] != '/' || own_proc(path))
		seed ^= folder_changes + 1;
	return hash(path, n, seed);
}

static void append_below(char kind, const struct stamp *s, const char *folder_path, size_t length, const char *rest) {
	while (*rest == '/')
		rest++;
	if (*rest)
		append(kind, s, folder_path, length == 1 ? 0 : length, rest, strlen(rest)); /* "/" is empty */
	else
		append(kind, s, NULL, 0, folder_path, length);
}

static void note_under_descriptor(char kind, const struct stamp *s, int dirfd, const char *path) {
	char prefix[MAX_PATH];
	size_t length = descriptor_folder(dirfd, prefix, sizeof prefix);
	if (!length)
		note_lost();
	else
		append_below(kind, s, prefix, length, path);
}

/* note_by_process records a path that leads through this process: its working folder,
 * root or a descriptor. All else that the kernel says of the process says nothing of
 * files, nor does the text of such a link, which is the path that was opened. A descriptor
 * without a path is a pipe or a terminal. What is read by the number of a descriptor is said as
 * well: the number may mean another file, or another pipe, for the next caller. */
static void note_by_process(char kind, const struct stamp *s, const char *path) {
	const char *proc = own_proc(path), *rest;
	char prefix[MAX_PATH];
	const char *folder;
	size_t length;
	unsigned fd;
	if (proc && (rest = end_of(proc, "cwd"))) {
		if ((folder = working_folder(&length)))
			append_below(kind, s, folder, length, rest);
		else
			note_lost();
	} else if (proc && (rest = end_of(proc, "root"))) {
		append_below(kind, s, "/", 1, rest);
	} else if ((rest = own_descriptor(path, proc, &fd))) {
		if (kind == READ)
			note_text(NUMBERED, path);
		if ((length = descriptor_folder((int)fd, prefix, sizeof prefix)) && (kind != LINK || *rest))
			append_below(kind, s, prefix, length, rest);
	}
}

void note_stamped(char kind, int dirfd, const char *path, const struct stamp *s) {
	if (!tracing() || !path || !*path)
		return;
	size_t n = strlen(path), length;
	const char *folder;
	int saved = errno;
	note_new_libraries();
	if (path[0] != '/' && dirfd != AT_FDCWD)
		note_under_descriptor(kind, s, dirfd, path);
	else if (known(key(kind, path, n), 1))
		;
	else if (path[0] != '/' && (folder = working_folder(&length)))
		append_below(kind, s, folder, length, path);
	else if (path[0] != '/')
		note_lost();
	else if (by_process(path))
		note_by_process(kind, s, path);
	else
		append(kind, s, NULL, 0, path, n);
	errno = saved;
}

void note_text(char kind, const char *text) {
	size_t n = strlen(text);
	if (tracing() && !known(hash(text, n, (uint64_t)(unsigned char)kind << 56), 1))
		append(kind, NULL, NULL, 0, text, n);
}

void note(char kind, int dirfd, const char *path) { note_stamped(kind, dirfd, path, NULL); }

int first_note(char kind, int dirfd, const char *path) {
	if (!tracing() || !path || !*path)
		return 0;
	if (path[0] != '/' && dirfd != AT_FDCWD)
		return 1;
	return !known(key(kind, path, strlen(path)), 0);
}

#ifdef SYS_statx
/* struct statx, which old headers lack (statx(2)). */
struct kernel_time {
	int64_t seconds;
	uint32_t ns;
	int32_t reserved;
};
struct kernel_statx {
	uint32_t mask, block_size;
	uint64_t attributes;
	uint32_t links, uid, gid;
	uint16_t mode, spare;
	uint64_t ino, size, blocks, attributes_mask;
	struct kernel_time atime, btime, ctime, mtime;
	uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
	uint64_t rest[14];
};

#define BASIC_STATS 0x7ffu /* STATX_BASIC_STATS */
#endif

int look(int dirfd, const char *path, int flags, struct stamp *s) {
	memset(s, 0, sizeof *s);
#ifdef SYS_statx
	struct kernel_statx b;
	if (syscall(SYS_statx, dirfd, path, flags, BASIC_STATS, &b) == 0) {
		s->dev = makedev(b.dev_major, b.dev_minor);
		s->ino = b.ino;
		s->size = (int64_t)b.size;
		s->mtime = b.mtime.seconds * 1000000000 + b.mtime.ns;
		s->ctime = b.ctime.seconds * 1000000000 + b.ctime.ns;
		s->mode = b.mode;
		return (int)s->mode;
	}
	if (errno != ENOSYS)
		return 0;
#endif
#ifdef SYS_newfstatat
	struct stat st;
	if (syscall(SYS_newfstatat, dirfd, path, &st, flags) == 0) {
		stamp_of(&st, s);
		return (int)s->mode;
	}
#endif
	return 0;
}

int kernel_mode(int dirfd, const char *path, int nofollow) {
	struct stamp s;
	return look(dirfd, path, nofollow ? AT_SYMLINK_NOFOLLOW : 0, &s);
}

static char kind_of(int mode) { return (char)(S_ISDIR(mode) ? FOLDER : S_ISLNK(mode) ? LINK : SEEN); }

void note_existing(int dirfd, const char *path, int nofollow) {
	if (!tracing() || !path || !*path)
		return;
	if (!first_note(SEEN, dirfd, path) || !first_note(FOLDER, dirfd, path))
		return;
	int saved = errno;
	struct stamp s;
	if (look(dirfd, path, nofollow ? AT_SYMLINK_NOFOLLOW : 0, &s))
		note_stamped(kind_of((int)s.mode), dirfd, path, &s);
	else
		note(MISSED, dirfd, path);
	errno = saved;
}

/* note_failure records a call that failed. Where the path is there nevertheless, by
 * what it is: as a file that was read if we cannot know better. */
void note_failure(int dirfd, const char *path, int error) {
	if (!tracing() || error == EFAULT || error == EBADF || !path || !*path)
		return;
	int saved = errno;
	struct stamp s = {0};
	if (error != ENOENT && error != ENOTDIR && error != ENAMETOOLONG)
		look(dirfd, path, 0, &s);
	if (s.mode && !S_ISDIR(s.mode))
		note_stamped(READ, dirfd, path, &s); /* what is in it may be why */
	if (s.mode)
		note_stamped(S_ISDIR(s.mode) ? FOLDER : SEEN, dirfd, path, &s); /* or its mode */
	else
		note(MISSED, dirfd, path);
	errno = saved;
}

