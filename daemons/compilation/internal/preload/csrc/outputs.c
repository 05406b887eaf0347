/* The calls that make files other than by opening them, and those that move us. What a
 * process made is no input of its, whatever was there before. */
#include "preload.h"

void made(int good, int dirfd, const char *path) {
	if (good)
		note(WRITTEN, dirfd, path);
}

/* what_is_at looks at a name that is about to be given to another file. */
static void what_is_at(int dirfd, const char *path, struct stamp *before) {
	before->mode = 0;
	if (!tracing())
		return;
	int error = errno;
	look(dirfd, path, AT_SYMLINK_NOFOLLOW, before);
	errno = error;
}

/* placed records that a finished file got a name, and which file that is. */
void placed(int good, int dirfd, const char *path, const struct stamp *before) {
	if (!good || !tracing())
		return;
	int error = errno;
	struct stamp s;
	look(dirfd, path, AT_SYMLINK_NOFOLLOW, &s);
	note_stamped(before->mode ? REPLACED : WRITTEN, dirfd, path, &s);
	errno = error;
}

#define WRAP_MAKE(name, ok, path, parameters, arguments)                                              \
	WRAP(int, name, parameters) {                                                                 \
		int result = REAL(name) arguments;                                                    \
		made(result ok, AT_FDCWD, path);                                                      \
		return result;                                                                        \
	}
WRAP_MAKE(mkstemp, >= 0, t, (char *t), (t))
WRAP_MAKE(mkstemp64, >= 0, t, (char *t), (t))
WRAP_MAKE(mkostemp, >= 0, t, (char *t, int flags), (t, flags))
WRAP_MAKE(mkostemp64, >= 0, t, (char *t, int flags), (t, flags))
WRAP_MAKE(mkstemps, >= 0, t, (char *t, int suffix), (t, suffix))
WRAP_MAKE(mkstemps64, >= 0, t, (char *t, int suffix), (t, suffix))
WRAP_MAKE(mkostemps, >= 0, t, (char *t, int suffix, int flags), (t, suffix, flags))
WRAP_MAKE(mkostemps64, >= 0, t, (char *t, int suffix, int flags), (t, suffix, flags))
WRAP_MAKE(link, == 0, to, (const char *from, const char *to), (from, to))
WRAP_MAKE(symlink, == 0, to, (const char *from, const char *to), (from, to))

WRAP(char *, mkdtemp, (char *template)) {
	char *result = REAL(mkdtemp)(template);
	made(result != NULL, AT_FDCWD, result);
	return result;
}

/* A folder that is there already is one whether or not we wanted to make it. */
static void folder_made(int result, int dirfd, const char *path) {
	if (result == 0)
		note(WRITTEN, dirfd, path);
	else if (tracing())
		note_failure(dirfd, path, errno);
}

WRAP(int, mkdir, (const char *path, unsigned mode)) {
	int result = REAL(mkdir)(path, mode);
	folder_made(result, AT_FDCWD, path);
	return result;
}

WRAP(int, mkdirat, (int dirfd, const char *path, unsigned mode)) {
	int result = REAL(mkdirat)(dirfd, path, mode);
	folder_made(result, dirfd, path);
	return result;
}

WRAP(int, rename, (const char *from, const char *to)) {
	struct stamp before;
	what_is_at(AT_FDCWD, to, &before);
	int result = REAL(rename)(from, to);
	placed(result == 0, AT_FDCWD, to, &before);
	return result;
}

WRAP(int, renameat, (int fromfd, const char *from, int tofd, const char *to)) {
	struct stamp before;
	what_is_at(tofd, to, &before);
	int result = REAL(renameat)(fromfd, from, tofd, to);
	placed(result == 0, tofd, to, &before);
	return result;
}

WRAP(int, renameat2, (int fromfd, const char *from, int tofd, const char *to, unsigned flags)) {
	struct stamp before;
	what_is_at(tofd, to, &before);
	int result = REAL(renameat2)(fromfd, from, tofd, to, flags);
	placed(result == 0, tofd, to, &before);
	return result;
}

WRAP(int, linkat, (int fromfd, const char *from, int tofd, const char *to, int flags)) {
	int result = REAL(linkat)(fromfd, from, tofd, to, flags);
	made(result == 0, tofd, to);
	return result;
}

WRAP(int, symlinkat, (const char *from, int tofd, const char *to)) {
	int result = REAL(symlinkat)(from, tofd, to);
	made(result == 0, tofd, to);
	return result;
}

WRAP(int, chdir, (const char *path)) {
	note_existing(AT_FDCWD, path, 0);
	int result = REAL(chdir)(path);
	forget_folder();
	return result;
}

WRAP(int, fchdir, (int fd)) {
	int result = REAL(fchdir)(fd);
	forget_folder();
	return result;
}
