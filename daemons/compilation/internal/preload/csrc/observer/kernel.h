/* What the second observer has in place of a C library: it is a static program without one,
 * so that it starts fast, and is built where there is no static C library. preload.h
 * declares syscall and the functions on strings by way of the system's headers. */
#ifndef REPLIBUILD_KERNEL_H
#define REPLIBUILD_KERNEL_H

#ifndef REPLIBUILD_OBSERVER
#define REPLIBUILD_OBSERVER
#endif
#include "../preload.h"

#include <signal.h>

#if defined(__x86_64__)
#define AUDIT_ARCH 0xc000003eu /* linux/audit.h */
#elif defined(__aarch64__)
#define AUDIT_ARCH 0xc00000b7u
#else
#error the second observer is written for x86-64 and arm64
#endif

/* What is asked of ptrace(2) (linux/ptrace.h). */
enum {
	PTRACE_CONT = 7,
	PTRACE_DETACH = 17,
	PTRACE_SYSCALL = 24,
	PTRACE_GETEVENTMSG = 0x4201,
	PTRACE_GETREGSET = 0x4204,
	PTRACE_SETREGSET = 0x4205,
	PTRACE_SEIZE = 0x4206,
	PTRACE_INTERRUPT = 0x4207,
	PTRACE_LISTEN = 0x4208,
	PTRACE_GET_SYSCALL_INFO = 0x420e,
	EVENT_FORK = 1,
	EVENT_VFORK = 2,
	EVENT_CLONE = 3,
	EVENT_EXEC = 4,
	EVENT_SECCOMP = 7,
	EVENT_STOP = 128,
	/* options: good syscall stops, fork, vfork, clone, exec, seccomp, exit kill */
	OPTIONS = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 7 | 1 << 20
};

struct call_info { /* struct ptrace_syscall_info */
	uint8_t op, padding[3];
	uint32_t arch;
	uint64_t instruction, stack;
	union {
		struct {
			uint64_t number, arguments[6];
		} entry;
		struct {
			int64_t value;
			uint8_t is_error;
		} exit;
	};
	uint64_t more[4];
};

long ptrace(long what, pid_t tid, void *address, void *data);
void *map_memory(size_t size);       /* of zeros; NULL if there is none */
char *digits(char *to, unsigned n);  /* writes a number and a zero; returns where the zero is */
void say(const char *text);          /* to standard error */
_Noreturn void leave(int status);

/* kernel_folder writes /proc/NUMBER and a rest. */
void kernel_folder(char *to, unsigned number, const char *rest);

#endif
