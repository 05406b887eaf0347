package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/lazyregexp"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// ccOption does what an option in the place of a compiler asks for.
func (a *app) ccOption(ctx context.Context, args []string) error {
	option, rest := args[0], args[1:]
	switch option {
	case "--explain":
		return a.explainLaunches(ctx, rest)
	case "--max-size":
		if len(rest) == 1 {
			return a.setMaxSize(ctx, rest[0])
		}
		return usageError("--max-size takes a size, such as 5G or 500M")
	case "--evict-older-than":
		if len(rest) == 1 {
			return a.evictUnused(ctx, rest[0])
		}
		return usageError("--evict-older-than takes a time, such as 30d or 3600s")
	case "--stats":
		a.json = len(rest) == 1 && rest[0] == "--json"
		if len(rest) > 0 && !a.json {
			return usageError("--stats takes --json and nothing else")
		}
		return a.launchStats(ctx)
	}
	plain := map[string]func(context.Context) error{
		"--start": a.startUser, "--serve": a.serveLaunch, "--path": a.printClientPath, "--zero": a.zeroStats, "--clear": a.clearUser,
		"--import-ccache-conf": a.importCcacheConf,
	}
	do, known := plain[option]
	if !known {
		return ipc.Errorf(ipc.CodeBadRequest, "cc has no option %s", option).
			WithHint("`replibuild cc --help` lists them, and a compiler comes first: replibuild cc gcc %s", strings.Join(args, " "))
	}
	if len(rest) > 0 {
		return usageError("%s takes no arguments", option)
	}
	return do(ctx)
}

// startUser starts the daemon of the user set.
func (a *app) startUser(ctx context.Context) error {
	p, err := a.openUser()
	if err != nil {
		return err
	}
	_, err = p.Start(ctx, ipc.NameCompilation)
	return err
}

func (a *app) printClientPath(ctx context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	path, err := a.clientPath(ctx, exe)
	if err != nil {
		return err
	}
	a.printPath(path)
	return nil
}

func (a *app) clearUser(ctx context.Context) error {
	p, err := a.openUser()
	if err != nil {
		return err
	}
	r, err := p.ClearCache(ctx)
	if err != nil {
		return err
	}
	a.printf("Cleared %s\n", words.Cleared(megabytes(r.Bytes), int(r.Entries)))
	return nil
}

// launchNumbers are the numbers of cc --stats since the last --zero.
type launchNumbers struct {
	Hits         int64   `json:"hits"`
	Misses       int64   `json:"misses"`
	Stored       int64   `json:"stored"`
	SavedSeconds float64 `json:"saved_seconds"`
}

func (n launchNumbers) less(m launchNumbers) launchNumbers {
	return launchNumbers{n.Hits - m.Hits, n.Misses - m.Misses, n.Stored - m.Stored, n.SavedSeconds - m.SavedSeconds}
}

// zeroFile keeps the numbers from which is counted.
func zeroFile(p *replibuild.Project) string { return filepath.Join(p.Paths().StateDir(), "zero.json") }

func numbersOf(s ipc.CacheStatsReply) launchNumbers {
	return launchNumbers{s.Hits, s.Misses, s.Stored, s.SavedSeconds}
}

// userStats opens the user set, and returns what its cache holds.
func (a *app) userStats(ctx context.Context) (*replibuild.Project, ipc.CacheStatsReply, error) {
	p, err := a.openUser()
	if err != nil {
		return nil, ipc.CacheStatsReply{}, err
	}
	s, err := p.CacheStats(ctx)
	return p, s, err
}

func (a *app) zeroStats(ctx context.Context) error {
	p, s, err := a.userStats(ctx)
	if err != nil {
		return err
	}
	text, err := json.Marshal(numbersOf(s))
	if err == nil {
		err = os.MkdirAll(p.Paths().StateDir(), 0o700)
	}
	if err == nil {
		err = atomicfile.Write(zeroFile(p), text)
	}
	if err != nil {
		return ipc.Errorf(ipc.CodeUnavailable, "cannot keep the numbers to count from: %v", err)
	}
	return nil
}

func (a *app) launchStats(ctx context.Context) error {
	p, s, err := a.userStats(ctx)
	if err != nil {
		return err
	}
	var zero launchNumbers
	if text, err := os.ReadFile(zeroFile(p)); err == nil {
		_ = json.Unmarshal(text, &zero) // of a damaged file: counted from the beginning
	}
	n, l := numbersOf(s).less(zero), p.Launches(ctx)
	if a.json {
		return a.printJSON(struct {
			Schema int `json:"schema"`
			launchNumbers
			Dir      string             `json:"dir"`
			Bytes    int64              `json:"bytes"`
			MaxBytes int64              `json:"max_bytes"`
			Entries  int64              `json:"entries"`
			Launches *ipc.LaunchesReply `json:"launches,omitempty"`
		}{ipc.Schema, n, s.Dir, s.Bytes, s.MaxBytes, s.Entries, withoutLast(l)})
	}
	a.printf("Hits: %d, misses: %d, stored: %d, compile time saved: %s\n", n.Hits, n.Misses, n.Stored, seconds(n.SavedSeconds))
	a.printf("Cache: %s of %s, %d entries, in %s\n", megabytes(s.Bytes), megabytes(s.MaxBytes), s.Entries, s.Dir)
	if s.ReadOnly != "" {
		a.printf("Read-only: %s\n", s.ReadOnly)
	}
	a.printLaunches(l)
	return nil
}

func withoutLast(l *ipc.LaunchesReply) *ipc.LaunchesReply {
	if l != nil {
		l.Last = nil
	}
	return l
}

// printLaunches prints what the daemon has seen since it started.
func (a *app) printLaunches(l *ipc.LaunchesReply) {
	if l == nil {
		return
	}
	a.printf("Since the daemon started: %d hits, %d misses (%d by a warm clang, %d not stored), %d running\n", l.Hits, l.Misses, l.Warm, l.NotStored, l.Running)
	for _, r := range byCount(l.Refused) {
		a.printf("  %6d not looked up: %s\n", l.Refused[r], r)
	}
}

// explainLaunches says why a command, or the last commands, were not taken from the cache.
func (a *app) explainLaunches(ctx context.Context, args []string) error {
	if len(args) > 0 {
		return a.explainOne(args)
	}
	p, err := a.openUser()
	if err != nil {
		return err
	}
	l := p.Launches(ctx)
	if l == nil || len(l.Last) == 0 {
		a.printf("The daemon has seen no command since it started\n")
		return nil
	}
	for _, r := range l.Last {
		line := r.Time.Local().Format(time.TimeOnly) + " " + r.Result
		if r.Why != "" {
			line += " (" + r.Why + ")"
		}
		a.printf("%s: %s\n", line, strings.Join(r.Args, " "))
	}
	return nil
}

func (a *app) explainOne(args []string) error {
	dir, err := os.Getwd()
	if err != nil {
		return err
	}
	if why := replibuild.WhyNotLaunched(dir, args); why != "" {
		a.printf("It runs as it is: %s\n", why)
		return nil
	}
	a.printf("It is looked up. `replibuild cc --explain` says what became of the last commands\n")
	return nil
}

// maxSizeOnly matches a configuration that setMaxSize wrote.
var maxSizeOnly = lazyregexp.New(`^\[daemons\.compilation\]\nmax_cache_size = \d+\n$`)

// setMaxSize writes the size into the configuration of the user set, and restarts its daemon.
func (a *app) setMaxSize(ctx context.Context, text string) error {
	mb, err := megabytesOf(text)
	if err != nil {
		return err
	}
	p, err := a.openUser()
	if err != nil {
		return err
	}
	file := p.Paths().ConfigFile()
	switch text, err := os.ReadFile(file); {
	case err == nil && !maxSizeOnly().Match(text):
		return ipc.Errorf(ipc.CodeConfig, "%s has other settings, which are left alone", file).WithHint("set max_cache_size = %d under [daemons.compilation] in it, then `replibuild stop --user`", mb)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return ipc.Errorf(ipc.CodeUnavailable, "%v", err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return ipc.Errorf(ipc.CodeUnavailable, "%v", err)
	}
	if err := atomicfile.Write(file, fmt.Appendf(nil, "[daemons.compilation]\nmax_cache_size = %d\n", mb)); err != nil {
		return ipc.Errorf(ipc.CodeUnavailable, "%v", err)
	}
	_, err = p.Stop(ctx) // the next command starts it with the new size
	return err
}

// evictUnused removes what was not used for a time.
func (a *app) evictUnused(ctx context.Context, text string) error {
	unused, err := ageOf(text)
	if err != nil {
		return err
	}
	p, err := a.openUser()
	if err != nil {
		return err
	}
	r, err := p.EvictUnused(ctx, unused)
	if err != nil {
		return err
	}
	a.printf("Removed %s\n", words.Cleared(megabytes(r.Bytes), int(r.Entries)))
	return nil
}

// ageOf reads a time as ccache does: a number and d or s.
func ageOf(text string) (time.Duration, error) {
	unit := time.Second
	digits, days := strings.CutSuffix(text, "d")
	if days {
		unit = 24 * time.Hour
	} else {
		digits, _ = strings.CutSuffix(text, "s")
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n <= 0 || n > 1<<30/int(unit/time.Second) || digits == text {
		return 0, usageError("%q is no time: give a number and d (days) or s (seconds), such as 30d", text)
	}
	return time.Duration(n) * unit, nil
}

// megabytesOf reads a size as ccache does: a number and G or M, G if there is none.
func megabytesOf(text string) (int, error) {
	digits, unit := strings.TrimRight(text, "GMgmiB"), 1024
	if strings.ContainsAny(text, "Mm") {
		unit = 1
	}
	n, err := strconv.Atoi(digits)
	if err != nil || n <= 0 || n > 1<<20 {
		return 0, usageError("%q is no size: give a number and G or M, such as 5G", text)
	}
	return n * unit, nil
}
