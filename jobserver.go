package replibuild

import (
	"strings"

	"github.com/RepliBuild/replibuild/ipc"
)

// A build that is started by `make -j` shares make's job slots: make holds a pipe of
// one byte for each job that may run besides those that do. Who takes a byte may run
// one process more, and puts it back when that has ended. A build takes what is free
// when it starts, runs one compiler more than it got (its own slot is that of the
// recipe it is part of), and puts everything back when it ends. See "POSIX Jobserver
// Interaction" in the manual of GNU make.

// tokens are the bytes taken from a jobserver.
type tokens struct {
	taken []byte
	free  func([]byte) error // writes them back; nil if there is no jobserver
}

// jobserverAuth returns how the jobserver of a make above us is reached: "fifo:PATH"
// or "R,W". known says that there is one.
func jobserverAuth(makeflags string) (auth string, known bool) {
	for _, word := range strings.Fields(makeflags) {
		if word == "--" { // variables follow
			break
		}
		for _, flag := range []string{"--jobserver-auth=", "--jobserver-fds="} {
			if value, ok := strings.CutPrefix(word, flag); ok {
				auth, known = value, true // the last one counts
			}
		}
	}
	return auth, known
}

// takeTokens takes what is free, at most limit-1. It returns how many compilers may
// run, 0 if nobody limits them. The notice says that make gave no slots.
func takeTokens(env []string, limit int) (t *tokens, jobs int, notice *ipc.Notice) {
	auth, known := jobserverAuth(ipc.EnvValue(env, "MAKEFLAGS"))
	if !known {
		return &tokens{}, 0, nil
	}
	t, err := openJobserver(auth, limit-1)
	if err != nil {
		return &tokens{}, 1, &ipc.Notice{
			Level: "warning", Code: ipc.CodeUnavailable,
			Message: "cannot get make's job slots, compiling one file at a time: " + err.Error(),
			Hint:    "begin the recipe's line with +, so that make hands them on, or say --jobs",
		}
	}
	return t, 1 + len(t.taken), nil
}

// giveBack puts the tokens back, once.
func (t *tokens) giveBack() error {
	if t.free == nil {
		return nil
	}
	free := t.free
	t.free = nil
	return free(t.taken)
}
