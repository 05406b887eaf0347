/* What the parts of the preloaded object share, and, without WRAP, the second observer
 * (observer/). See doc.go for what both promise.
 *
 * Rules for everything here: no allocation and no lock (wrappers run in the child of
 * a vfork, in signal handlers and in many threads at once), errno is left as the
 * wrapped call set it, and our own file work goes to the kernel directly, never
 * through a name that is wrapped. */
#ifndef REPLIBUILD_PRELOAD_H
#define REPLIBUILD_PRELOAD_H

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef REPLIBUILD_OBSERVER
#include <dlfcn.h>

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

/* Our own calls go to the kernel by the C library's function: the name is wrapped, to
 * see what programs ask by it (syscalls.c). */
#define syscall(...)                                                                                  \
	(__extension__({                                                                              \
		static void *known_;                                                                  \
		void *real_ = __atomic_load_n(&known_, __ATOMIC_RELAXED);                             \
		if (!real_) {                                                                         \
			real_ = dlsym(RTLD_NEXT, "syscall");                                          \
			__atomic_store_n(&known_, real_, __ATOMIC_RELAXED);                           \
		}                                                                                     \
		((long (*)(long, ...))real_)(__VA_ARGS__);                                            \
	}))
#endif

/* Kinds of record; observe.go has the same. */
enum {
	READ = 'R',     /* opened for reading: content matters */
	SEEN = 'S',     /* asked about, exists, is no folder */
	ALLOWED = 'E',  /* a file; only its permission was asked about, by access() */
	FOLDER = 'D',   /* asked about, is a folder */
	LISTED = 'L',   /* its names were read */
	LINK = 'K',     /* a symbolic link was asked about as such, or resolved */
	MISSED = 'M',   /* is not there */
	WRITTEN = 'W',  /* made where nothing was */
	REPLACED = 'O', /* existed, and was emptied or replaced by another file */
	UPDATED = 'U',  /* existed, was opened for writing and kept what it had */
	APPENDED = 'A', /* it was opened to add to its end, besides what else is recorded */
	EXECUTED = 'X', /* a process began with it: a program or a script */
	PROGRAM = 'P',  /* the program file of a process, links resolved */
	LIBRARY = 'B',  /* loaded before the program began */
	CLOCK = 'C',    /* the time of now was turned into a date; the path says nothing */
	ZONE = 'Z',     /* the time zone was asked for; the path says nothing */
	VARIABLE = 'V', /* a variable was asked for; the path is its name */
	WHOLE = 'N',    /* all variables were read; the path says nothing */
	LINE = 'H',     /* the path is the line of a shell that was started with -c */
	CONNECTED = 'T',/* connected to a socket; the path says nothing */
	WANTED = 'Y',   /* a library was asked for by name; the path is the name */
	NUMBERED = 'F'  /* the path of one of the process's own descriptors was opened for reading */
};

/* Flags in the head of a trace, why it cannot be relied on; trace_linux.go has the same. */
enum {
	OVERFLOWED = 1,
	LOST = 2,
	RAW_CALLS = 4, /* code that makes system calls past the C library ran */
	REFUSED = 8    /* the second observer could not trace a program; why is in refused */
};

/* What a file was when it was looked at; preload.Stamp in Go. */
struct stamp {
	uint64_t dev, ino;
	int64_t size, mtime, ctime; /* times in ns since 1970 */
	uint32_t mode, padding;     /* mode 0: there is no such file */
};

#define TRACE_VARIABLE "REPLIBUILD_TRACE="
#define RESIDENT_VARIABLE "REPLIBUILD_RESIDENT="
#define PRELOAD_VARIABLE "LD_PRELOAD="

#define MAGIC 0x33454341525452ull /* "RTRACE3" */
#define MAX_PATH 8192             /* longer ones the kernel refuses, folder included */

struct head {
	uint64_t magic;
	uint64_t size;     /* of the whole file */
	uint64_t tail;     /* where the next record goes; may pass size */
	uint32_t expected; /* processes that were started */
	uint32_t attached; /* processes that record */
	uint32_t flags;
	uint32_t refused; /* an errno */
	uint32_t padding[6];
};

extern struct head *trace;      /* of this process */
extern uint32_t process;        /* its number among those that attached */
extern uint64_t folder_changes; /* how often the working folder changed */

int tracing(void);          /* whether this process records; attaches it the first time */
void attach_again(void);    /* after the environment was replaced */
void note(char kind, int dirfd, const char *path);
void note_text(char kind, const char *text); /* a text that is not a path */
void note_stamped(char kind, int dirfd, const char *path, const struct stamp *s);
int first_note(char kind, int dirfd, const char *path); /* whether note would write it */
void note_failure(int dirfd, const char *path, int error);
void note_existing(int dirfd, const char *path, int nofollow);
void note_flags(uint32_t flags);
void note_lost(void);
void note_libraries_at_start(void);
void note_new_libraries(void);
/* the folders of a variable like "PATH=" in front of the first one that has the file */
void note_search(const char *variable, const char *otherwise, const char *file, int access_mode);
const char *own_path(void);              /* of this object */
const char *own_proc(const char *path);  /* what follows in a path below /proc/self */
void forget_folder(void);                /* the working folder changed */
const char *working_folder(size_t *length); /* where relative paths begin; NULL if unknown */
const char *proc_folder(void);           /* the kernel's folder about the process */
unsigned own_pid(void);                  /* of the process that is recorded */
void expect_process(int count);          /* count more processes are about to attach */
const char *trace_setting(void);         /* "REPLIBUILD_TRACE=...", of a process that records */

static inline void stamp_of(const struct stat *st, struct stamp *s) {
	memset(s, 0, sizeof *s);
	s->dev = (uint64_t)st->st_dev;
	s->ino = (uint64_t)st->st_ino;
	s->size = (int64_t)st->st_size;
	s->mtime = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	s->ctime = (int64_t)st->st_ctim.tv_sec * 1000000000 + st->st_ctim.tv_nsec;
	s->mode = (uint32_t)st->st_mode;
}

/* look asks the kernel for a stamp and returns the mode, 0 if there is none; sets errno.
 * flags are those of fstatat; with AT_EMPTY_PATH and "" it is about dirfd itself. */
int look(int dirfd, const char *path, int flags, struct stamp *s);
int look_open(int fd, struct stamp *s); /* at an open file */
int kernel_mode(int dirfd, const char *path, int nofollow);

/* programs.c */
enum program_kind {
	NO_PROGRAM,    /* no ELF file */
	OTHER_MACHINE, /* for another machine than ours */
	FOLLOWED,      /* the object can be loaded into it, and sees its calls */
	UNFOLLOWED     /* static, for another loader, or with code of Go: the second observer's */
};
enum { LOADER_BYTES = 256 };
enum program_kind program_kind(int fd, const char *ours, char loader[LOADER_BYTES]);
int is_unfollowed(const char *path, const char *ours);
int notes_of_go(const char *notes, size_t length);
const char *own_loader(void); /* the dynamic loader of this process */

/* What became of a call, by kind of call. Each leaves errno alone. */
void opened(int fd, int dirfd, const char *path, int flags, const struct stamp *before);
void will_open(const char *path, int flags, const struct stamp *before);
void cut(int result, const char *path, const struct stamp *before);
void look_before_open(int dirfd, const char *path, int flags, struct stamp *before);
void exists(int result, int dirfd, const char *path, int nofollow);
void allowed(int result, int dirfd, const char *path, int nofollow);
void followed(int good, int dirfd, const char *path);
void listed(int good, int dirfd, const char *path);
void listed_descriptor(int fd);
void globbed(const char *pattern);
void made(int good, int dirfd, const char *path);
void linked_from(int dirfd, const char *path);
void pointed(int good, int dirfd, const char *path);
void placed(int good, int dirfd, const char *path, const struct stamp *before);
void what_is_at(int dirfd, const char *path, struct stamp *before);
void moves(int fromfd, const char *from, int tofd, const char *to, struct stamp *before);
void note_link(int dirfd, const char *path);
void folder_made(int result, int dirfd, const char *path);

/* The same for a system call by its number. */
void before_call(long n, long a, long b, long c, long d, struct stamp *before);
void after_call(long n, long result, long a, long b, long c, long d, const struct stamp *before);

/* environment.c */
void hide_settings(void);
/* whether an open file was what the kernel tells of this process's environment: it is
 * another file now, without what is ours */
int took_environment(int fd, const char *path);
void end_early(void);
int same_early(char **before, char **now);
void note_all_early(void);

int start_program(const char *path, char *const argv[], char *const envp[]); /* our execve */

int resident_wanted(char **envp);
int resident_main(int argc, char **argv, char **envp);
extern int (*program_main)(int, char **, char **);

#endif
