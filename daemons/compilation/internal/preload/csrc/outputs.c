/* The calls that make files other than by opening them, and those that move us. What a
 * process made is no input of its, whatever was there before. */
#include "preload.h"

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
WRAP(int, link, (const char *from, const char *to)) {
	linked_from(AT_FDCWD, from);
	int result = REAL(link)(from, to);
	made(result == 0, AT_FDCWD, to);
	return result;
}

WRAP(int, symlink, (const char *from, const char *to)) {
	int result = REAL(symlink)(from, to);
	pointed(result == 0, AT_FDCWD, to);
	return result;
}

WRAP(char *, mkdtemp, (char *template)) {
	char *result = REAL(mkdtemp)(template);
	made(result != NULL, AT_FDCWD, result);
	return result;
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
	moves(AT_FDCWD, from, AT_FDCWD, to, &before);
	int result = REAL(rename)(from, to);
	placed(result == 0, AT_FDCWD, to, &before);
	return result;
}

WRAP(int, renameat, (int fromfd, const char *from, int tofd, const char *to)) {
	struct stamp before;
	moves(fromfd, from, tofd, to, &before);
	int result = REAL(renameat)(fromfd, from, tofd, to);
	placed(result == 0, tofd, to, &before);
	return result;
}

WRAP(int, renameat2, (int fromfd, const char *from, int tofd, const char *to, unsigned flags)) {
	struct stamp before;
	moves(fromfd, from, tofd, to, &before);
	int result = REAL(renameat2)(fromfd, from, tofd, to, flags);
	placed(result == 0, tofd, to, &before);
	return result;
}

WRAP(int, linkat, (int fromfd, const char *from, int tofd, const char *to, int flags)) {
	linked_from(fromfd, from);
	int result = REAL(linkat)(fromfd, from, tofd, to, flags);
	made(result == 0, tofd, to);
	return result;
}

WRAP(int, symlinkat, (const char *from, int tofd, const char *to)) {
	int result = REAL(symlinkat)(from, tofd, to);
	pointed(result == 0, tofd, to);
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
