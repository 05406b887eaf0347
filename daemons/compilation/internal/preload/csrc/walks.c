/* The calls of the C library that walk through folders: it makes them by itself, past what
 * files.c wraps. */
#include "preload.h"

#include <fts.h>
#include <ftw.h>

/* A walk tells a function of the program's each name. Ours stands before it; a walk within
 * a walk is told by its own. */
typedef int (*walker)(const char *path, const struct stat *st, int type, struct FTW *ftw);

static __thread walker told __attribute__((tls_model("initial-exec")));

static void note_walked(const char *path, int type) {
	switch (type) {
	case FTW_D:
	case FTW_DP:
		listed(1, AT_FDCWD, path);
		break;
	case FTW_SL:
	case FTW_SLN:
		note_existing(AT_FDCWD, path, 1);
		break;
	case FTW_DNR:
	case FTW_NS:
		note_lost();
		break;
	default:
		note_existing(AT_FDCWD, path, 0);
	}
}

static int walked(const char *path, const struct stat *st, int type, struct FTW *ftw) {
	walker f = told;
	note_walked(path, type);
	int result = f(path, st, type, ftw);
	told = f;
	return result;
}

/* begins says what is seen of a walk: where it moves from folder to folder, the names that
 * it tells are not those by which the program finds the files. */
static walker begins(const char *path, walker f, int flags) {
	walker before = told;
	if (flags & FTW_CHDIR)
		note_lost();
	note_existing(AT_FDCWD, path, 0);
	told = f;
	return before;
}

#define WRAP_WALK(name, flags, parameters, arguments)                                                 \
	WRAP(int, name, parameters) {                                                                 \
		if (!tracing())                                                                       \
			return REAL(name) arguments;                                                  \
		walker before = begins(path, f, flags);                                               \
		f = walked;                                                                           \
		int result = REAL(name) arguments;                                                    \
		told = before;                                                                        \
		return result;                                                                        \
	}
WRAP_WALK(nftw, flags, (const char *path, walker f, int open, int flags), (path, f, open, flags))
WRAP_WALK(nftw64, flags, (const char *path, walker f, int open, int flags), (path, f, open, flags))
WRAP_WALK(ftw, 0, (const char *path, walker f, int open), (path, f, open))
WRAP_WALK(ftw64, 0, (const char *path, walker f, int open), (path, f, open))

/* note_entry records what fts tells. It may have moved the working folder, and fts_accpath
 * leads to the file from there. */
static void note_entry(const FTSENT *e) {
	if (!tracing() || !e)
		return;
	forget_folder();
	switch (e->fts_info) {
	case FTS_D:
	case FTS_DP:
	case FTS_DC:
		listed(1, AT_FDCWD, e->fts_accpath);
		break;
	case FTS_SL:
	case FTS_SLNONE:
		note_existing(AT_FDCWD, e->fts_accpath, 1);
		break;
	case FTS_NS:
		if (e->fts_errno == ENOENT || e->fts_errno == ENOTDIR)
			note_failure(AT_FDCWD, e->fts_accpath, e->fts_errno);
		else
			note_lost();
		break;
	case FTS_DNR:
	case FTS_ERR:
		note_lost();
		break;
	default:
		note_existing(AT_FDCWD, e->fts_accpath, 0);
	}
}

#define WRAP_FTS(read, children)                                                                      \
	WRAP(FTSENT *, read, (void *walk)) {                                                          \
		FTSENT *e = REAL(read)(walk);                                                         \
		note_entry(e);                                                                        \
		return e;                                                                             \
	}                                                                                             \
	WRAP(FTSENT *, children, (void *walk, int options)) {                                         \
		FTSENT *first = REAL(children)(walk, options);                                        \
		for (FTSENT *e = first; e; e = e->fts_link)                                           \
			note_entry(e);                                                                \
		return first;                                                                         \
	}
WRAP_FTS(fts_read, fts_children)
WRAP_FTS(fts64_read, fts64_children)

/* wordexp expands words as a shell does. What it does with other than plain patterns is
 * more than is followed here. */
WRAP(int, wordexp, (const char *words, void *out, int flags)) {
	if (tracing() && words) {
		if (strpbrk(words, "$`\"'\\(){}<>&;|~")) {
			note_lost();
		} else {
			const char *spaces = " \t\n";
			char word[4096];
			for (const char *w = words + strspn(words, spaces); *w; w += strspn(w, spaces)) {
				size_t n = strcspn(w, spaces);
				if (n < sizeof word) {
					memcpy(word, w, n);
					word[n] = 0;
					globbed(word);
				} else {
					note_lost();
				}
				w += n;
			}
		}
	}
	return REAL(wordexp)(words, out, flags);
}
