/* System calls by number: what to look at before one, and what it has told afterwards. What
 * is not listed here has nothing to do with paths. */
#include "preload.h"

struct open_how_head { /* of struct open_how, openat2(2) */
	uint64_t flags, mode, resolve;
};

static int open_flags(long n, long b, long c) {
	(void)b; /* is that of SYS_open only, which arm64 does not have */
	switch (n) {
#ifdef SYS_open
	case SYS_open:
		return (int)b;
#endif
#ifdef SYS_openat2
	case SYS_openat2:
		return c ? (int)((const struct open_how_head *)c)->flags : 0;
#endif
	}
	return (int)c;
}

/* after_call records a call that has been made, with its arguments. */
void after_call(long n, long result, long a, long b, long c, long d, const struct stamp *before) {
	int good = result >= 0;
	switch (n) {
#ifdef SYS_open
	case SYS_open:
		opened((int)result, AT_FDCWD, (const char *)a, (int)b, before);
		break;
	case SYS_creat:
		opened((int)result, AT_FDCWD, (const char *)a, O_WRONLY | O_CREAT | O_TRUNC, before);
		break;
	case SYS_stat:
		exists((int)result, AT_FDCWD, (const char *)a, 0);
		break;
	case SYS_lstat:
		exists((int)result, AT_FDCWD, (const char *)a, 1);
		break;
	case SYS_access:
		allowed((int)result, AT_FDCWD, (const char *)a, 0);
		break;
	case SYS_readlink:
		followed(good, AT_FDCWD, (const char *)a);
		break;
	case SYS_rename:
		placed(good, AT_FDCWD, (const char *)b, before);
		break;
	case SYS_link:
		made(good, AT_FDCWD, (const char *)b);
		break;
	case SYS_symlink:
		pointed(good, AT_FDCWD, (const char *)b);
		break;
	case SYS_mkdir:
		folder_made((int)result, AT_FDCWD, (const char *)a);
		break;
#endif
#ifdef SYS_getdents
	case SYS_getdents:
#endif
	case SYS_getdents64:
		if (good)
			listed_descriptor((int)a);
		break;
	case SYS_openat:
#ifdef SYS_openat2
	case SYS_openat2:
#endif
		opened((int)result, (int)a, (const char *)b, open_flags(n, b, c), before);
		break;
#ifdef SYS_newfstatat
	case SYS_newfstatat:
		exists((int)result, (int)a, (const char *)b, (int)d & AT_SYMLINK_NOFOLLOW);
		break;
#endif
#ifdef SYS_statx
	case SYS_statx:
		exists((int)result, (int)a, (const char *)b, (int)c & AT_SYMLINK_NOFOLLOW);
		break;
#endif
	case SYS_faccessat:
		allowed((int)result, (int)a, (const char *)b, 0);
		break;
#ifdef SYS_faccessat2
	case SYS_faccessat2:
		allowed((int)result, (int)a, (const char *)b, (int)d & AT_SYMLINK_NOFOLLOW);
		break;
#endif
	case SYS_readlinkat:
		followed(good, (int)a, (const char *)b);
		break;
#ifdef SYS_renameat
	case SYS_renameat:
#endif
	case SYS_renameat2:
		placed(good, (int)c, (const char *)d, before);
		break;
	case SYS_linkat:
		made(good, (int)c, (const char *)d);
		break;
	case SYS_symlinkat:
		pointed(good, (int)b, (const char *)c);
		break;
	case SYS_mkdirat:
		folder_made((int)result, (int)a, (const char *)b);
		break;
	case SYS_chdir:
	case SYS_fchdir:
		forget_folder();
		break;
	case SYS_truncate:
		cut((int)result, (const char *)a, before);
		break;
#ifdef SYS_open_by_handle_at
	case SYS_open_by_handle_at:
#endif
	case SYS_chroot:
	case SYS_pivot_root:
	case SYS_mount:
	case SYS_setns:
		if (good)
			note_lost();
		break;
#ifdef SYS_io_uring_setup
	case SYS_io_uring_setup:
		note_flags(RAW_CALLS); /* it may open files without a further call */
		break;
#endif
	}
}

void before_call(long n, long a, long b, long c, long d, struct stamp *before) {
	before->mode = 0;
	switch (n) {
#ifdef SYS_open
	case SYS_open:
		look_before_open(AT_FDCWD, (const char *)a, (int)b, before);
		break;
	case SYS_creat:
		look_before_open(AT_FDCWD, (const char *)a, O_WRONLY | O_CREAT | O_TRUNC, before);
		break;
	case SYS_rename:
		what_is_at(AT_FDCWD, (const char *)b, before);
		break;
#endif
#ifdef SYS_renameat
	case SYS_renameat:
#endif
	case SYS_renameat2:
		what_is_at((int)c, (const char *)d, before);
		break;
	case SYS_openat:
#ifdef SYS_openat2
	case SYS_openat2:
#endif
		look_before_open((int)a, (const char *)b, open_flags(n, b, c), before);
		break;
	case SYS_truncate:
		look_before_open(AT_FDCWD, (const char *)a, O_RDWR, before);
		break;
	case SYS_chdir:
		note_existing(AT_FDCWD, (const char *)a, 0);
		break;
	}
}
