package replibuild

import (
	"fmt"
	"strings"

	"github.com/RepliBuild/replibuild/internal/jobserver"
	"github.com/RepliBuild/replibuild/ipc"
)

// A build that is started by `make -j` shares make's job slots. It takes the tokens that
// are free when it starts, runs one compiler more than it got (its own slot is that of the
// recipe it is part of), and gives all of them back when it ends.

// tokens are the bytes taken from a jobserver.
type tokens struct {
	taken []byte
	pipe  *jobserver.Pipe // nil: no jobserver, or given back
}

// takeTokens takes what is free, at most limit-1. It returns how many compilers may
// run, 0 if nobody limits them. The notice says that make gave no slots.
func takeTokens(env []string, limit int) (t *tokens, jobs int, notice *ipc.Notice) {
	auth, known := jobserver.Auth(ipc.EnvValue(env, "MAKEFLAGS"))
	if !known {
		return &tokens{}, 0, nil
	}
	pipe, err := jobserver.Open(auth)
	if err != nil {
		if !strings.HasPrefix(auth, "fifo:") {
			err = fmt.Errorf("the descriptors %s were not handed on to this command (%w)", auth, err)
		}
		return &tokens{}, 1, &ipc.Notice{
			Level: "warning", Code: ipc.CodeUnavailable,
			Message: "cannot get make's job slots, compiling one file at a time: " + err.Error(),
			Hint:    "begin the recipe's line with +, so that make hands them on, or say --jobs",
		}
	}
	t = &tokens{taken: pipe.Take(limit - 1), pipe: pipe}
	pipe.CloseRead()
	return t, 1 + len(t.taken), nil
}

// giveBack puts the tokens back, once.
func (t *tokens) giveBack() error {
	if t.pipe == nil {
		return nil
	}
	pipe := t.pipe
	t.pipe = nil
	defer pipe.Close()
	return pipe.GiveBack(t.taken)
}
