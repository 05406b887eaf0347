/* Calls after which a path may mean another file than it means for us, or by which a file is
 * opened without its path. */
#include "preload.h"

/* of unshare(2): the view of the mounts, the rights by which one may be had, and a folder of its
 * own for one thread, which working_folder does not know of */
enum { OWN_FOLDER = 0x200, OWN_MOUNTS = 0x20000, OWN_USERS = 0x10000000 };

#define WRAP_VIEW(name, changes, parameters, arguments)                                               \
	WRAP(int, name, parameters) {                                                                 \
		int result = REAL(name) arguments;                                                    \
		if (result >= 0 && (changes))                                                         \
			note_lost();                                                                  \
		return result;                                                                        \
	}
WRAP_VIEW(chroot, 1, (const char *path), (path))
WRAP_VIEW(unshare, flags & (OWN_FOLDER | OWN_MOUNTS | OWN_USERS), (int flags), (flags))
WRAP_VIEW(setns, 1, (int fd, int type), (fd, type))
WRAP_VIEW(mount, 1, (const char *from, const char *to, const char *type, unsigned long flags, const void *data), (from, to, type, flags, data))
WRAP_VIEW(open_by_handle_at, 1, (int fd, void *handle, int flags), (fd, handle, flags))
