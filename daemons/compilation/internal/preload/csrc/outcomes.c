/* What became of a call, by kind of call: which records it makes. Both observers use this.
 * Each function leaves errno alone. */
#include "preload.h"

/* look_before_open looks at a file that a call may open for writing: afterwards it cannot
 * be told from a new one, and what was in it matters if it is kept. */
void look_before_open(int dirfd, const char *path, int flags, struct stamp *before) {
	before->mode = 0;
	int may_write = (flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT;
	if (!may_write || flags & (O_EXCL | O_DIRECTORY) || !path || !*path || !tracing())
		return;
	int error = errno;
	look(dirfd, path, 0, before);
	errno = error;
}

/* opened records an open. before is what was there, mode 0 if nothing was. A file that is
 * written gets its stamp after the open, so that it is known which file it is. */
void opened(int fd, int dirfd, const char *path, int flags, const struct stamp *before) {
	if (!tracing())
		return;
	int error = errno;
	struct stamp s;
	if (fd < 0) {
		note_failure(dirfd, path, error);
	} else if (took_environment(fd, path)) {
		/* which is an input as such */
	} else if (flags & O_DIRECTORY) { /* O_TMPFILE too: a file without a name */
		note(FOLDER, dirfd, path);
	} else if ((flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT && !before->mode)) {
		int kept = before->mode && !(flags & O_TRUNC);
		if (kept && (flags & O_ACCMODE) == O_RDWR)
			note_stamped(READ, dirfd, path, before);
		look_open(fd, &s);
		note_stamped(kept ? UPDATED : before->mode ? REPLACED : WRITTEN, dirfd, path, &s);
		if (flags & O_APPEND)
			note(APPENDED, dirfd, path);
	} else if (first_note(READ, dirfd, path) && first_note(FOLDER, dirfd, path)) {
		/* gcc opens what may be a header before it asks whether it is a folder */
		look_open(fd, &s);
		note_stamped(S_ISDIR(s.mode) ? FOLDER : READ, dirfd, path, &s);
	}
	errno = error;
}

/* will_open records an open that a child is about to make. before is what is there now, NULL if
 * nothing is. */
void will_open(const char *path, int flags, const struct stamp *before) {
	int writes = (flags & O_ACCMODE) != O_RDONLY || (flags & O_CREAT && !before);
	if (!before && !(flags & O_CREAT))
		note(MISSED, AT_FDCWD, path);
	else if (before && S_ISDIR(before->mode))
		note_stamped(FOLDER, AT_FDCWD, path, before);
	if (before && !S_ISDIR(before->mode) && (flags & O_ACCMODE) != O_WRONLY && !(flags & O_TRUNC))
		note_stamped(READ, AT_FDCWD, path, before);
	if (writes && (before || flags & O_CREAT))
		note(!before ? WRITTEN : flags & O_TRUNC ? REPLACED : UPDATED, AT_FDCWD, path);
	if (writes && flags & O_APPEND)
		note(APPENDED, AT_FDCWD, path);
}

/* cut records that a file was made shorter or longer by its name. */
void cut(int result, const char *path, const struct stamp *before) {
	if (!tracing())
		return;
	int error = errno;
	struct stamp s;
	if (result) {
		note_failure(AT_FDCWD, path, error);
	} else if (look(AT_FDCWD, path, 0, &s)) {
		note_stamped(READ, AT_FDCWD, path, before);
		note_stamped(UPDATED, AT_FDCWD, path, &s);
	}
	errno = error;
}

/* exists records the answer of a call that says no more than whether a path is there. */
void exists(int result, int dirfd, const char *path, int nofollow) {
	if (!tracing())
		return;
	int error = errno;
	if (result == 0)
		note_existing(dirfd, path, nofollow);
	else
		note_failure(dirfd, path, error);
	errno = error;
}

/* allowed records the answer of a call that says whether a file may be used: it depends on
 * the mode and the owner, and never on the times. */
void allowed(int result, int dirfd, const char *path, int nofollow) {
	struct stamp s;
	if (!tracing() || result != 0 || !first_note(SEEN, dirfd, path) || !first_note(ALLOWED, dirfd, path)) {
		exists(result, dirfd, path, nofollow);
		return;
	}
	int error = errno;
	if (S_ISREG(look(dirfd, path, nofollow ? AT_SYMLINK_NOFOLLOW : 0, &s)))
		note_stamped(ALLOWED, dirfd, path, &s);
	else
		note_existing(dirfd, path, nofollow);
	errno = error;
}

void note_link(int dirfd, const char *path) {
	struct stamp s;
	if (!path || !*path || !first_note(LINK, dirfd, path))
		return;
	look(dirfd, path, AT_SYMLINK_NOFOLLOW, &s);
	note_stamped(LINK, dirfd, path, &s);
}

/* followed records a link that was read. EINVAL says that it is none: that a link comes to its
 * place matters too, for a program that follows a path part by part. */
void followed(int good, int dirfd, const char *path) {
	if (!tracing())
		return;
	int error = errno;
	if (good)
		note_link(dirfd, path);
	else if (error == EINVAL)
		note_existing(dirfd, path, 1), note_link(dirfd, path);
	else
		note_failure(dirfd, path, error);
	errno = error;
}

void listed(int good, int dirfd, const char *path) {
	if (!tracing())
		return;
	int error = errno;
	struct stamp s;
	if (good) {
		look(dirfd, path, 0, &s);
		note_stamped(LISTED, dirfd, path, &s);
	} else {
		note_failure(dirfd, path, error);
	}
	errno = error;
}

void listed_descriptor(int fd) { listed(1, fd, "."); }

void made(int good, int dirfd, const char *path) {
	if (good)
		note(WRITTEN, dirfd, path);
}

/* linked_from records the file that gets another name: what is read by that name is in no file that
 * the process made. Files without a name, which a descriptor leads to, are its own. */
void linked_from(int dirfd, const char *path) {
	if (!tracing() || !path || !*path || !strncmp(path, "/proc/", 6))
		return;
	int error = errno;
	struct stamp s;
	if (look(dirfd, path, 0, &s) && S_ISREG(s.mode))
		note_stamped(READ, dirfd, path, &s);
	errno = error;
}

/* pointed records a symbolic link that was made, and the file to which it leads. */
void pointed(int good, int dirfd, const char *path) {
	made(good, dirfd, path);
	if (!good || !tracing())
		return;
	int error = errno;
	char to[2 * MAX_PATH];
	size_t folder = strlen(path);
	while (folder && path[folder - 1] != '/')
		folder--;
	long n = folder < MAX_PATH ? syscall(SYS_readlinkat, dirfd, path, to + folder, (size_t)MAX_PATH) : -1;
	if (n > 0 && n < MAX_PATH) {
		to[folder + (size_t)n] = 0;
		memcpy(to, path, folder);
		linked_from(dirfd, to[folder] == '/' ? to + folder : to);
	}
	errno = error;
}

/* what_is_at looks at a name that is about to be given to another file. */
void what_is_at(int dirfd, const char *path, struct stamp *before) {
	before->mode = 0;
	if (!tracing())
		return;
	int error = errno;
	look(dirfd, path, AT_SYMLINK_NOFOLLOW, before);
	errno = error;
}

/* moves looks at both names before a file gets another one. What another process made and this one
 * gives a new name was read by it, and is gone from its place afterwards. */
void moves(int fromfd, const char *from, int tofd, const char *to, struct stamp *before) {
	linked_from(fromfd, from);
	what_is_at(tofd, to, before);
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

/* A folder that is there already is one whether or not we wanted to make it. */
void folder_made(int result, int dirfd, const char *path) {
	if (result == 0)
		note(WRITTEN, dirfd, path);
	else if (tracing())
		note_failure(dirfd, path, errno);
}
