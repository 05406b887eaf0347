// Package testkit has what tests of several packages need.
package testkit

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Patience bounds the wait for a state. Only a broken test reaches it: on a busy machine a
// compiler can take 10 s to start.
const Patience = time.Minute

// Until waits for a state. It marks the test as failed and returns if the state is not
// reached, so that any goroutine may call it.
func Until(t testing.TB, what string, reached func() bool) {
	t.Helper()
	for end := time.Now().Add(Patience); !reached(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Errorf("waited %v for %s", Patience, what)
			return
		}
	}
}

// GroupMembers returns /proc/PID/stat of each living process of a process group.
func GroupMembers(t testing.TB, group int) (alive []string) {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range stats {
		b, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		rest := string(b[strings.LastIndexByte(string(b), ')')+1:])
		if f := strings.Fields(rest); len(f) > 2 && f[2] == strconv.Itoa(group) && f[0] != "Z" {
			alive = append(alive, string(b))
		}
	}
	return alive
}
