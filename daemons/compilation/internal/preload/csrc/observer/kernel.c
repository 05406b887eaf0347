#include "kernel.h"

/* The entry of the program hands its stack to program_start, and syscall puts its arguments
 * where the kernel wants them (syscall(2), "Architecture calling conventions"). */
#if defined(__x86_64__)
__asm__(".text\n"
	".globl _start\n"
	"_start:\n\txor %ebp, %ebp\n\tmov %rsp, %rdi\n\tand $-16, %rsp\n\tcall program_start\n"
	".globl syscall\n"
	"syscall:\n\tmov %rdi, %rax\n\tmov %rsi, %rdi\n\tmov %rdx, %rsi\n\tmov %rcx, %rdx\n\tmov %r8, %r10\n\tmov %r9, %r8\n"
	"\tmov 8(%rsp), %r9\n\tsyscall\n\tmov %rax, %rdi\n\tcmp $-4095, %rax\n\tjae 1f\n\tret\n1:\tjmp failed_call\n");
#else
__asm__(".text\n"
	".globl _start\n"
	"_start:\n\tmov x29, #0\n\tmov x30, #0\n\tmov x0, sp\n\tbl program_start\n"
	".globl syscall\n"
	"syscall:\n\tmov x8, x0\n\tmov x0, x1\n\tmov x1, x2\n\tmov x2, x3\n\tmov x3, x4\n\tmov x4, x5\n\tmov x5, x6\n"
	"\tsvc #0\n\tcmn x0, #4095\n\tb.cs 1f\n\tret\n1:\tb failed_call\n");
#endif

static int error;

int *__errno_location(void) { return &error; }

__attribute__((used)) long failed_call(long result) {
	error = (int)-result;
	return -1;
}

/* The compiler makes calls of these four out of plain code. */
void *memcpy(void *restrict to, const void *restrict from, size_t n) {
	for (size_t i = 0; i < n; i++)
		((char *)to)[i] = ((const volatile char *)from)[i];
	return to;
}

void *memmove(void *to, const void *from, size_t n) {
	if ((uintptr_t)to <= (uintptr_t)from)
		return memcpy(to, from, n);
	while (n--)
		((char *)to)[n] = ((const volatile char *)from)[n];
	return to;
}

void *memset(void *to, int byte, size_t n) {
	for (size_t i = 0; i < n; i++)
		((volatile char *)to)[i] = (char)byte;
	return to;
}

int memcmp(const void *a, const void *b, size_t n) {
	const volatile unsigned char *x = a, *y = b;
	for (size_t i = 0; i < n; i++)
		if (x[i] != y[i])
			return x[i] < y[i] ? -1 : 1;
	return 0;
}

size_t strlen(const char *s) {
	size_t n = 0;
	while (((const volatile char *)s)[n])
		n++;
	return n;
}

int strncmp(const char *a, const char *b, size_t n) {
	for (; n; n--, a++, b++)
		if (*a != *b || !*a)
			return (unsigned char)*a - (unsigned char)*b;
	return 0;
}

int strcmp(const char *a, const char *b) { return strncmp(a, b, SIZE_MAX); }

char *strcpy(char *restrict to, const char *restrict from) { return memcpy(to, from, strlen(from) + 1); }

char *strcat(char *restrict to, const char *restrict from) {
	strcpy(to + strlen(to), from);
	return to;
}

long ptrace(long what, pid_t tid, void *address, void *data) {
	return syscall(SYS_ptrace, what, (long)tid, address, data);
}

void *map_memory(size_t size) {
	long at = syscall(SYS_mmap, 0L, size, 3L /* read and write */, 0x22L /* private, anonymous */, -1L, 0L);
	return at == -1 ? NULL : (void *)at;
}

char *digits(char *to, unsigned n) {
	char backwards[12];
	int count = 0;
	do
		backwards[count++] = (char)('0' + n % 10);
	while (n /= 10);
	while (count)
		*to++ = backwards[--count];
	*to = 0;
	return to;
}

void kernel_folder(char *to, unsigned number, const char *rest) {
	strcpy(to, "/proc/");
	strcpy(digits(to + strlen(to), number), rest);
}

void say(const char *text) { syscall(SYS_write, 2L, text, strlen(text)); }

void leave(int status) {
	for (;;)
		syscall(SYS_exit_group, (long)status);
}
