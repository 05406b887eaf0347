/* Programs: which of them the preloaded object can follow. Both observers use this. */
#include "preload.h"

#include <elf.h>

#if UINTPTR_MAX > 0xffffffffu
typedef Elf64_Ehdr elf_head;
typedef Elf64_Phdr elf_part;
typedef Elf64_Nhdr elf_note;
#define OWN_CLASS ELFCLASS64
#else
typedef Elf32_Ehdr elf_head;
typedef Elf32_Phdr elf_part;
typedef Elf32_Nhdr elf_note;
#define OWN_CLASS ELFCLASS32
#endif

#if defined(__x86_64__)
#define OWN_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OWN_MACHINE EM_AARCH64
#elif defined(__i386__)
#define OWN_MACHINE EM_386
#else
#define OWN_MACHINE EM_NONE
#endif

enum { HEAD_BYTES = 4096, MOST_PARTS = 64, MOST_SCRIPTS = 4 };

/* notes_of_go reports whether notes have the one that Go's own linker writes
 * (cmd/link/internal/ld/elf.go, ELFNOTENAME "Go\0\0"). Code that Go's compiler made does
 * system calls of its own. */
int notes_of_go(const char *at, size_t left) {
	while (left >= sizeof(elf_note)) {
		elf_note n;
		memcpy(&n, at, sizeof n);
		size_t whole = sizeof n + (((size_t)n.n_namesz + 3) & ~(size_t)3) + (((size_t)n.n_descsz + 3) & ~(size_t)3);
		if (whole > left)
			return 0;
		if (n.n_namesz == 4 && !memcmp(at + sizeof n, "Go\0", 4))
			return 1;
		at += whole;
		left -= whole;
	}
	return 0;
}

static int is_go_part(int fd, const elf_part *p) {
	char notes[1024];
	size_t size = p->p_filesz < sizeof notes ? p->p_filesz : sizeof notes;
	long n = syscall(SYS_pread64, fd, notes, size, (off_t)p->p_offset);
	return n > 0 && notes_of_go(notes, (size_t)n);
}

static void read_text_part(int fd, const elf_part *p, char text[LOADER_BYTES]) {
	size_t size = p->p_filesz < LOADER_BYTES - 1 ? p->p_filesz : LOADER_BYTES - 1;
	long n = syscall(SYS_pread64, fd, text, size, (off_t)p->p_offset);
	text[n > 0 ? n : 0] = 0;
}

/* program_kind looks at the head of an executable, and finds the dynamic loader that it
 * names, "" if it names none. The object was made for programs with the loader ours, "" for
 * any. */
enum program_kind program_kind(int fd, const char *ours, char loader[LOADER_BYTES]) {
	char bytes[HEAD_BYTES];
	int go = 0;
	loader[0] = 0;
	elf_head head;
	long n = syscall(SYS_pread64, fd, bytes, sizeof bytes, (off_t)0);
	if (n < (long)sizeof head || memcmp(bytes, ELFMAG, SELFMAG))
		return NO_PROGRAM;
	memcpy(&head, bytes, sizeof head);
	if (head.e_ident[EI_CLASS] != OWN_CLASS || head.e_machine != OWN_MACHINE)
		return OTHER_MACHINE;
	if (head.e_phentsize != sizeof(elf_part) || head.e_phoff + (size_t)head.e_phnum * sizeof(elf_part) > (size_t)n)
		return UNFOLLOWED;
	for (int i = 0; i < head.e_phnum; i++) {
		elf_part p;
		memcpy(&p, bytes + head.e_phoff + (size_t)i * sizeof p, sizeof p);
		if (p.p_type == PT_NOTE && is_go_part(fd, &p))
			go = 1;
		if (p.p_type == PT_INTERP)
			read_text_part(fd, &p, loader);
	}
	return !go && *loader && (!*ours || !strcmp(loader, ours)) ? FOLLOWED : UNFOLLOWED;
}

/* script_program finds the program of a script in the head of its file. */
static int script_program(int fd, char *program, size_t size) {
	char line[256]; /* BINPRM_BUF_SIZE */
	long n = syscall(SYS_pread64, fd, line, sizeof line - 1, (off_t)0);
	if (n < 3 || line[0] != '#' || line[1] != '!')
		return 0;
	line[n] = 0;
	char *p = line + 2;
	while (*p == ' ' || *p == '\t')
		p++;
	size_t length = 0;
	while (p[length] && p[length] != ' ' && p[length] != '\t' && p[length] != '\n')
		length++;
	if (!length || length >= size)
		return 0;
	memcpy(program, p, length);
	program[length] = 0;
	return 1;
}

/* is_unfollowed reports whether a path is a program, or a script for one, that the object
 * cannot follow and the second observer can. */
int is_unfollowed(const char *path, const char *ours) {
	char program[256], loader[LOADER_BYTES];
	for (int depth = 0; depth < MOST_SCRIPTS && path; depth++) {
		struct stamp s;
		if (!S_ISREG(look(AT_FDCWD, path, 0, &s)) || s.mode & (S_ISUID | S_ISGID) || syscall(SYS_faccessat, AT_FDCWD, path, X_OK))
			return 0;
		int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
		if (fd < 0)
			return 0;
		enum program_kind kind = program_kind(fd, ours, loader);
		path = kind == NO_PROGRAM && script_program(fd, program, sizeof program) ? program : NULL;
		syscall(SYS_close, fd);
		if (kind != NO_PROGRAM)
			return kind == UNFOLLOWED;
	}
	return 0;
}
