/* What posix_spawn does in the child before the program begins: the C library makes these calls
 * itself, past what files.c wraps. They are recorded when they are announced. */
#include "preload.h"

#include <spawn.h>

/* The folder to which a list of actions leads. Of two such lists that are in use at once only the
 * last one is known: the trace is incomplete then. */
static const void *moving;
static char moved_to[4096];

/* in_child writes a path as the child means it, and returns NULL if that is not known. */
static const char *in_child(const void *actions, const char *path, char *to, size_t size) {
	if (path[0] == '/' || actions != __atomic_load_n(&moving, __ATOMIC_RELAXED))
		return path;
	size_t n = strlen(moved_to);
	if (!n || n + strlen(path) + 2 > size)
		return NULL;
	memcpy(to, moved_to, n);
	to[n] = '/';
	strcpy(to + n + 1, path);
	return to;
}

WRAP(int, posix_spawn_file_actions_addopen, (void *actions, int fd, const char *path, int flags, unsigned mode)) {
	int result = REAL(posix_spawn_file_actions_addopen)(actions, fd, path, flags, mode);
	if (result || !tracing() || !path || !*path)
		return result;
	int error = errno;
	char room[MAX_PATH];
	struct stamp before;
	if (!(path = in_child(actions, path, room, sizeof room)))
		note_lost();
	else
		will_open(path, flags, look(AT_FDCWD, path, 0, &before) ? &before : NULL);
	errno = error;
	return result;
}

/* moves_to keeps a folder, NULL for one that is not known. A second change is not followed. */
static void moves_to(const void *actions, const char *path) {
	const void *last = __atomic_exchange_n(&moving, actions, __ATOMIC_RELAXED);
	int again = last == actions;
	if (last && !again)
		note_lost();
	moved_to[0] = 0;
	if (path && !again && strlen(path) < sizeof moved_to)
		strcpy(moved_to, path);
	if (path)
		note_existing(AT_FDCWD, path, 0);
}

/* A list that begins or ends leads nowhere. */
#define WRAP_LIST(name)                                                                               \
	WRAP(int, name, (void *actions)) {                                                            \
		if (actions == __atomic_load_n(&moving, __ATOMIC_RELAXED))                            \
			__atomic_store_n(&moving, NULL, __ATOMIC_RELAXED);                            \
		return REAL(name)(actions);                                                           \
	}
WRAP_LIST(posix_spawn_file_actions_init)
WRAP_LIST(posix_spawn_file_actions_destroy)

#define WRAP_MOVE(name, type, to, path)                                                               \
	WRAP(int, name, (void *actions, type to)) {                                                   \
		moves_to(actions, path);                                                              \
		return REAL(name)(actions, to);                                                       \
	}
WRAP_MOVE(posix_spawn_file_actions_addchdir_np, const char *, path, path)
WRAP_MOVE(posix_spawn_file_actions_addchdir, const char *, path, path)
WRAP_MOVE(posix_spawn_file_actions_addfchdir_np, int, fd, NULL)
WRAP_MOVE(posix_spawn_file_actions_addfchdir, int, fd, NULL)
