/* The calls by which a compiler looks at files. */
#include "preload.h"

#include <dirent.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>

static int has_mode(int flags) {
#ifdef O_TMPFILE
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return 1;
#endif
	return flags & O_CREAT;
}

#define MODE_OF(flags, mode)                                                                          \
	unsigned mode = 0;                                                                            \
	if (has_mode(flags)) {                                                                        \
		va_list rest;                                                                         \
		va_start(rest, flags);                                                                \
		mode = va_arg(rest, unsigned);                                                        \
		va_end(rest);                                                                         \
	}

#define WRAP_OPEN(name)                                                                               \
	WRAP(int, name, (const char *path, int flags, ...)) {                                         \
		MODE_OF(flags, mode)                                                                  \
		struct stamp before;                                                                  \
		look_before_open(AT_FDCWD, path, flags, &before);                                     \
		int fd = REAL(name)(path, flags, mode);                                               \
		opened(fd, AT_FDCWD, path, flags, &before);                                           \
		return fd;                                                                            \
	}
WRAP_OPEN(open)
WRAP_OPEN(open64)

#define WRAP_OPENAT(name)                                                                             \
	WRAP(int, name, (int dirfd, const char *path, int flags, ...)) {                              \
		MODE_OF(flags, mode)                                                                  \
		struct stamp before;                                                                  \
		look_before_open(dirfd, path, flags, &before);                                        \
		int fd = REAL(name)(dirfd, path, flags, mode);                                        \
		opened(fd, dirfd, path, flags, &before);                                              \
		return fd;                                                                            \
	}
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)

/* What -D_FORTIFY_SOURCE makes of open. */
#define WRAP_OPEN_2(name)                                                                             \
	WRAP(int, name, (const char *path, int flags)) {                                              \
		struct stamp before;                                                                  \
		look_before_open(AT_FDCWD, path, flags, &before);                                     \
		int fd = REAL(name)(path, flags);                                                     \
		opened(fd, AT_FDCWD, path, flags, &before);                                           \
		return fd;                                                                            \
	}
WRAP_OPEN_2(__open_2)
WRAP_OPEN_2(__open64_2)

#define WRAP_OPENAT_2(name)                                                                           \
	WRAP(int, name, (int dirfd, const char *path, int flags)) {                                   \
		struct stamp before;                                                                  \
		look_before_open(dirfd, path, flags, &before);                                        \
		int fd = REAL(name)(dirfd, path, flags);                                              \
		opened(fd, dirfd, path, flags, &before);                                              \
		return fd;                                                                            \
	}
WRAP_OPENAT_2(__openat_2)
WRAP_OPENAT_2(__openat64_2)

#define WRAP_CREAT(name)                                                                              \
	WRAP(int, name, (const char *path, unsigned mode)) {                                          \
		struct stamp before;                                                                  \
		look_before_open(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, &before);              \
		int fd = REAL(name)(path, mode);                                                      \
		opened(fd, AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC, &before);                    \
		return fd;                                                                            \
	}
WRAP_CREAT(creat)
WRAP_CREAT(creat64)

static int flags_of(const char *mode) {
	int both = strchr(mode, '+') != NULL;
	switch (mode[0]) {
	case 'r':
		return both ? O_RDWR : O_RDONLY;
	case 'w':
		return (both ? O_RDWR : O_WRONLY) | O_CREAT | O_TRUNC;
	}
	return (both ? O_RDWR : O_WRONLY) | O_CREAT | O_APPEND;
}

#define WRAP_FOPEN(name)                                                                              \
	WRAP(FILE *, name, (const char *path, const char *mode)) {                                    \
		struct stamp before;                                                                  \
		look_before_open(AT_FDCWD, path, flags_of(mode), &before);                            \
		FILE *f = REAL(name)(path, mode);                                                     \
		opened(f ? fileno(f) : -1, AT_FDCWD, path, flags_of(mode), &before);                  \
		return f;                                                                             \
	}
WRAP_FOPEN(fopen)
WRAP_FOPEN(fopen64)

/* Files that the C library opens itself: a table of file systems, which may have any name, and
 * memory that processes share by a name. */
WRAP_FOPEN(setmntent)

WRAP(int, shm_open, (const char *name, int flags, unsigned mode)) {
	char path[512] = "/dev/shm/";
	struct stamp before;
	while (name && *name == '/')
		name++;
	if (name && strlen(name) < sizeof path - 16)
		strcat(path, name);
	look_before_open(AT_FDCWD, path, flags, &before);
	int fd = REAL(shm_open)(name, flags, mode);
	opened(fd, AT_FDCWD, path, flags, &before);
	return fd;
}

#define WRAP_FREOPEN(name)                                                                            \
	WRAP(FILE *, name, (const char *path, const char *mode, FILE *old)) {                         \
		struct stamp before;                                                                  \
		look_before_open(AT_FDCWD, path, flags_of(mode), &before);                            \
		FILE *f = REAL(name)(path, mode, old);                                                \
		if (path)                                                                             \
			opened(f ? fileno(f) : -1, AT_FDCWD, path, flags_of(mode), &before);          \
		return f;                                                                             \
	}
WRAP_FREOPEN(freopen)
WRAP_FREOPEN(freopen64)

/* A file that is cut keeps what is before that. */
#define WRAP_TRUNCATE(name)                                                                           \
	WRAP(int, name, (const char *path, int64_t length)) {                                         \
		struct stamp before;                                                                  \
		look_before_open(AT_FDCWD, path, O_RDWR, &before);                                    \
		int result = REAL(name)(path, length);                                                \
		cut(result, path, &before);                                                           \
		return result;                                                                        \
	}
WRAP_TRUNCATE(truncate)
WRAP_TRUNCATE(truncate64)

/* asked records what a stat said. */
static void asked(int result, int dirfd, const char *path, const void *buffer, int nofollow) {
	if (!tracing())
		return;
	int error = errno;
	if (result != 0) {
		note_failure(dirfd, path, error);
	} else if (sizeof(void *) == 8) { /* there struct stat64 is struct stat */
		struct stamp s;
		stamp_of(buffer, &s);
		note_stamped((char)(S_ISDIR(s.mode) ? FOLDER : S_ISLNK(s.mode) ? LINK : SEEN), dirfd, path, &s);
	} else {
		note_existing(dirfd, path, nofollow);
	}
	errno = error;
}

#define WRAP_STAT(name, nofollow)                                                                     \
	WRAP(int, name, (const char *path, void *buffer)) {                                           \
		int result = REAL(name)(path, buffer);                                                \
		asked(result, AT_FDCWD, path, buffer, nofollow);                                      \
		return result;                                                                        \
	}
WRAP_STAT(stat, 0)
WRAP_STAT(stat64, 0)
WRAP_STAT(lstat, 1)
WRAP_STAT(lstat64, 1)

#define WRAP_FSTATAT(name)                                                                            \
	WRAP(int, name, (int dirfd, const char *path, void *buffer, int flags)) {                     \
		int result = REAL(name)(dirfd, path, buffer, flags);                                  \
		asked(result, dirfd, path, buffer, flags & AT_SYMLINK_NOFOLLOW);                      \
		return result;                                                                        \
	}
WRAP_FSTATAT(fstatat)
WRAP_FSTATAT(fstatat64)

/* What stat was before glibc 2.33. */
#define WRAP_XSTAT(name, nofollow)                                                                    \
	WRAP(int, name, (int version, const char *path, void *buffer)) {                              \
		int result = REAL(name)(version, path, buffer);                                       \
		asked(result, AT_FDCWD, path, buffer, nofollow);                                      \
		return result;                                                                        \
	}
WRAP_XSTAT(__xstat, 0)
WRAP_XSTAT(__xstat64, 0)
WRAP_XSTAT(__lxstat, 1)
WRAP_XSTAT(__lxstat64, 1)

#define WRAP_FXSTATAT(name)                                                                           \
	WRAP(int, name, (int version, int dirfd, const char *path, void *buffer, int flags)) {        \
		int result = REAL(name)(version, dirfd, path, buffer, flags);                         \
		asked(result, dirfd, path, buffer, flags & AT_SYMLINK_NOFOLLOW);                      \
		return result;                                                                        \
	}
WRAP_FXSTATAT(__fxstatat)
WRAP_FXSTATAT(__fxstatat64)

WRAP(int, statx, (int dirfd, const char *path, int flags, unsigned mask, void *buffer)) {
	int result = REAL(statx)(dirfd, path, flags, mask, buffer);
	exists(result, dirfd, path, flags & AT_SYMLINK_NOFOLLOW);
	return result;
}

#define WRAP_ACCESS(name)                                                                             \
	WRAP(int, name, (const char *path, int mode)) {                                               \
		int result = REAL(name)(path, mode);                                                  \
		allowed(result, AT_FDCWD, path, 0);                                                   \
		return result;                                                                        \
	}
WRAP_ACCESS(access)
WRAP_ACCESS(eaccess)
WRAP_ACCESS(euidaccess)

WRAP(int, faccessat, (int dirfd, const char *path, int mode, int flags)) {
	int result = REAL(faccessat)(dirfd, path, mode, flags);
	allowed(result, dirfd, path, flags & AT_SYMLINK_NOFOLLOW);
	return result;
}

WRAP(ssize_t, readlink, (const char *path, char *buffer, size_t size)) {
	ssize_t n = REAL(readlink)(path, buffer, size);
	followed(n >= 0, AT_FDCWD, path);
	return n;
}

WRAP(ssize_t, __readlink_chk, (const char *path, char *buffer, size_t size, size_t known)) {
	ssize_t n = REAL(__readlink_chk)(path, buffer, size, known);
	followed(n >= 0, AT_FDCWD, path);
	return n;
}

WRAP(ssize_t, readlinkat, (int dirfd, const char *path, char *buffer, size_t size)) {
	ssize_t n = REAL(readlinkat)(dirfd, path, buffer, size);
	followed(n >= 0, dirfd, path);
	return n;
}

WRAP(ssize_t, __readlinkat_chk, (int dirfd, const char *path, char *buffer, size_t size, size_t known)) {
	ssize_t n = REAL(__readlinkat_chk)(dirfd, path, buffer, size, known);
	followed(n >= 0, dirfd, path);
	return n;
}

/* resolved records a path whose links were followed, as such, whether or not there were
 * any: a link may take the place of any part of it. */
static void resolved(const char *result, const char *path) {
	if (!tracing())
		return;
	int error = errno;
	if (result)
		note_link(AT_FDCWD, path);
	else
		note_failure(AT_FDCWD, path, error);
	errno = error;
}

WRAP(char *, realpath, (const char *path, char *buffer)) {
	char *result = REAL(realpath)(path, buffer);
	resolved(result, path);
	return result;
}

WRAP(char *, __realpath_chk, (const char *path, char *buffer, size_t known)) {
	char *result = REAL(__realpath_chk)(path, buffer, known);
	resolved(result, path);
	return result;
}

WRAP(char *, canonicalize_file_name, (const char *path)) {
	char *result = REAL(canonicalize_file_name)(path);
	resolved(result, path);
	return result;
}

WRAP(DIR *, opendir, (const char *path)) {
	DIR *d = REAL(opendir)(path);
	listed(d != NULL, AT_FDCWD, path);
	return d;
}

WRAP(DIR *, fdopendir, (int fd)) {
	DIR *d = REAL(fdopendir)(fd);
	if (d)
		listed_descriptor(fd);
	return d;
}

#define WRAP_SCANDIR(name)                                                                            \
	WRAP(int, name, (const char *path, void *list, void *filter, void *compare)) {                \
		int n = REAL(name)(path, list, filter, compare);                                      \
		listed(n >= 0, AT_FDCWD, path);                                                       \
		return n;                                                                             \
	}
WRAP_SCANDIR(scandir)
WRAP_SCANDIR(scandir64)

#define WRAP_SCANDIRAT(name)                                                                          \
	WRAP(int, name, (int dirfd, const char *path, void *list, void *filter, void *compare)) {     \
		int n = REAL(name)(dirfd, path, list, filter, compare);                               \
		listed(n >= 0, dirfd, path);                                                          \
		return n;                                                                             \
	}
WRAP_SCANDIRAT(scandirat)
WRAP_SCANDIRAT(scandirat64)

WRAP(ssize_t, getdents64, (int fd, void *buffer, size_t size)) {
	ssize_t n = REAL(getdents64)(fd, buffer, size);
	if (n >= 0)
		listed_descriptor(fd);
	return n;
}

/* globbed records the folder in which a pattern was looked for. Patterns for folders,
 * which no compiler uses, are more than one name says. */
void globbed(const char *pattern) {
	if (!tracing() || !pattern)
		return;
	int error = errno;
	const char *wild = strpbrk(pattern, "*?[{~\\");
	if (!wild) {
		exists(kernel_mode(AT_FDCWD, pattern, 0) ? 0 : -1, AT_FDCWD, pattern, 0);
	} else if (*wild == '{' || *wild == '~' || *wild == '\\' || strchr(wild, '/')) {
		note_lost();
	} else {
		char where[4096] = ".";
		size_t n = (size_t)(wild - pattern);
		while (n && pattern[n - 1] != '/')
			n--;
		if (n >= sizeof where) {
			note_lost();
		} else {
			memcpy(where, pattern, n);
			where[n ? n : 1] = 0;
			int mode = kernel_mode(AT_FDCWD, where, 0);
			listed(S_ISDIR(mode), AT_FDCWD, where);
		}
	}
	errno = error;
}

#define WRAP_GLOB(name)                                                                               \
	WRAP(int, name, (const char *pattern, int flags, void *failed, void *found)) {                \
		int result = REAL(name)(pattern, flags, failed, found);                               \
		globbed(pattern);                                                                     \
		return result;                                                                        \
	}
WRAP_GLOB(glob)
WRAP_GLOB(glob64)
