package ipc

import (
	"errors"
	"fmt"
)

// Error codes: stable words that scripts and exit codes depend on. docs/errors.md
// lists them with what is printed; a test holds the two equal.
const (
	CodeBadRequest   = "bad_request"   // not JSON, unknown action or key, wrong type, over a limit
	CodeUnauthorized = "unauthorized"  // no proof, a wrong proof, another user, a flag not on the allow-list
	CodeNotFound     = "not_found"     // an id that is not known
	CodeUnknownFile  = "unknown_file"  // a file or target that is not in the plan
	CodeConfig       = "config"        // replibuild.toml, daemon_config.toml or a module file is wrong
	CodeNoProject    = "no_project"    // no replibuild.toml here or above
	CodeNoCompiler   = "no_compiler"   // the compiler asked for cannot be found or run
	CodeQueueFull    = "queue_full"    // queue_size requests wait already
	CodeCancelled    = "cancelled"     // the caller or someone else cancelled it
	CodeTimeout      = "timeout"       // a compile, link or call took longer than it may
	CodeBuildFailed  = "build_failed"  // a unit, link or step failed
	CodePortInUse    = "port_in_use"   // an explicitly configured port is taken
	CodeUnreachable  = "unreachable"   // a daemon does not answer
	CodeStopping     = "stopping"      // the daemon is shutting down
	CodeCacheDamaged = "cache_damaged" // verification found a wrong object
	CodeUnavailable  = "unavailable"   // the action cannot work on this system or in this state
	CodeInternal     = "internal"      // a bug of ours; the message says where
)

// Error is what a service answers when it cannot do what was asked: what failed,
// where and why in Message, what to do next in Hint. It travels as the "error"
// object of a reply and comes out of a client unchanged.
type Error struct {
	Code     string    `json:"code"`
	Message  string    `json:"message"`
	Hint     string    `json:"hint,omitempty"`
	Problems []Problem `json:"problems,omitempty"` // every mistake found, for CodeConfig
}

// Error returns the message without the hint.
func (e *Error) Error() string { return e.Message }

// Is reports whether target is [ErrUnreachable] and e says just that, so that an
// unreachable daemon is recognised whether the error was made here or travelled.
func (e *Error) Is(target error) bool {
	return target == ErrUnreachable && e.Code == CodeUnreachable
}

// ErrUnreachable is matched (errors.Is) by every error that means "the service at
// the other end is gone, hung or was never there": the caller may do the same work
// with a local service. Errors that a service itself answered do not match.
var ErrUnreachable = errors.New("daemon unreachable")

// Errorf makes an [Error] with a code and a formatted message.
func Errorf(code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// WithHint returns a copy of e with the next step for the user.
func (e *Error) WithHint(format string, args ...any) *Error {
	c := *e
	c.Hint = fmt.Sprintf(format, args...)
	return &c
}

// CodeOf returns the code of the first [Error] in err's chain, "" for nil and
// [CodeInternal] for any other error.
func CodeOf(err error) string {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Code
	case errors.Is(err, ErrUnreachable):
		return CodeUnreachable
	}
	return CodeInternal
}

// Problem is one mistake in a configuration file. Line and Column count from 1;
// 0 means that the whole file is meant.
type Problem struct {
	File       string `json:"file"`
	Line       int    `json:"line,omitempty"`
	Column     int    `json:"column,omitempty"`
	Message    string `json:"message"`
	Suggestion string `json:"suggestion,omitempty"` // what to write instead or to do next
}

// String formats p as compilers do: file:line:column: message (suggestion).
func (p Problem) String() string {
	s := p.File
	if p.Line > 0 {
		s += fmt.Sprintf(":%d:%d", p.Line, p.Column)
	}
	s += ": " + p.Message
	if p.Suggestion != "" {
		s += " (" + p.Suggestion + ")"
	}
	return s
}
