/* The parts of the second observer. */
#ifndef REPLIBUILD_CALLS_H
#define REPLIBUILD_CALLS_H

#include "kernel.h"

/* Which system calls stop a program, and where their paths are. */
struct watched {
	int number;
	signed char folder, path; /* indices of arguments; -1: none */
};
extern const struct watched watched_calls[];
extern const unsigned watched_count;

int install_filter(void); /* 0, or the reason as an errno */

enum { TEXT = 2 * 4096 + 64 }; /* room for a folder and a path in it */

/* One thread that is traced. All that it has but for the first two belongs to the program
 * that runs in it. */
struct thread {
	pid_t tid;       /* 0: the entry is free */
	pid_t tgid;      /* of its process */
	int covered;     /* the preloaded object records here, or it is this observer */
	uint32_t number; /* of the process in the trace */
	/* The call that it is in. */
	long call; /* -1: none that is watched */
	long arguments[4];
	struct stamp before;
	char *text; /* TEXT bytes, for the path */
	char how[32]; /* of openat2 */
};

/* settings, from the command line */
struct settings {
	const char *library; /* the preloaded object; "" = none */
	const char *trace;   /* REPLIBUILD_TRACE=PATH */
	const char *loader;  /* of programs that the object can be loaded into */
	int all;             /* watch every program, also those that the object can follow */
	int trying;          /* nothing runs; what watching needs is tried */
};
extern struct settings settings;

int call_info(pid_t tid, struct call_info *info); /* of a thread that stands; 0: there is none */
int entered(struct thread *t); /* a watched call begins; whether its end must be seen */
void returned(struct thread *t);
void executed(struct thread *t); /* another program runs in a process */
void record_for(const struct thread *t); /* what is noted next is of this thread */
int is_this_observer(unsigned pid);
long read_memory(pid_t tid, uint64_t from, void *to, size_t size);
void watch(void); /* until nothing is left to watch */
void watch_first(pid_t pid);

#endif
