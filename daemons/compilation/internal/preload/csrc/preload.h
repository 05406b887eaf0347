/* What the parts of the preloaded object share. See doc.go for what it promises.
 *
 * Rules for everything here: no allocation and no lock (wrappers run in the child of
 * a vfork, in signal handlers and in many threads at once), errno is left as the
 * wrapped call set it, and our own file work goes to the kernel directly, never
 * through a name that is wrapped. */
#ifndef REPLIBUILD_PRELOAD_H
#define REPLIBUILD_PRELOAD_H

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* WRAP defines a function of the C library. Its name in C differs from its symbol,
 * so that no declaration of a header, with its attributes and macros, is in the way. */
#define WRAP(type, name, parameters)                                                                  \
	__attribute__((visibility("default"))) type wrapped_##name parameters __asm__(#name);         \
	__attribute__((visibility("default"))) type wrapped_##name parameters

/* REAL is the function that WRAP took the name of. Two threads may both look it up. */
#define REAL(name)                                                                                    \
	(__extension__({                                                                              \
		static void *known_;                                                                  \
		void *real_ = __atomic_load_n(&known_, __ATOMIC_RELAXED);                             \
		if (!real_) {                                                                         \
			real_ = dlsym(RTLD_NEXT, #name);                                              \
			__atomic_store_n(&known_, real_, __ATOMIC_RELAXED);                           \
		}                                                                                     \
		(__typeof__(&wrapped_##name))real_;                                                   \
	}))

/* Kinds of record; trace.go has the same. */
enum {
	READ = 'R',    /* opened for reading: content matters */
	SEEN = 'S',    /* asked about, exists, is no folder */
	FOLDER = 'D',  /* asked about, is a folder */
	LISTED = 'L',  /* its names were read */
	LINK = 'K',    /* a symbolic link was asked about as such, or resolved */
	MISSED = 'M',  /* is not there */
	WRITTEN = 'W', /* made or written */
	EXECUTED = 'X' /* a process began with it */
};

/* Flags in the head of a trace: why it cannot be relied on. */
enum { OVERFLOWED = 1, LOST = 2 };

#define TRACE_VARIABLE "REPLIBUILD_TRACE="
#define RESIDENT_VARIABLE "REPLIBUILD_RESIDENT="
#define PRELOAD_VARIABLE "LD_PRELOAD="

int tracing(void);          /* whether this process records; attaches it the first time */
void attach_again(void);    /* after the environment was replaced */
void note(char kind, int dirfd, const char *path);
int first_note(char kind, int dirfd, const char *path); /* whether note would write it */
void note_failure(int dirfd, const char *path, int error);
void note_existing(int dirfd, const char *path, int nofollow);
void note_lost(void);
void note_new_libraries(void);
/* the folders of a variable like "PATH=" in front of the first one that has the file */
void note_search(const char *variable, const char *otherwise, const char *file, int access_mode);
void forget_folder(void);                /* the working folder changed */
void expect_process(int count);          /* count more processes are about to attach */
const char *trace_setting(void);         /* "REPLIBUILD_TRACE=...", of a process that records */

int kernel_mode(int dirfd, const char *path, int nofollow); /* st_mode, 0 if none; sets errno */

int resident_wanted(char **envp);
int resident_main(int argc, char **argv, char **envp);
extern int (*program_main)(int, char **, char **);

#endif
