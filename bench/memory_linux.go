package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

const (
	// restFor is how long the set is left alone before it counts as resting: preambles
	// are made and state is written down after a build.
	restFor = 10 * time.Second
	// idleFor is how long it is watched then: a round of the audit takes 10 s.
	idleFor = 20 * time.Second
)

// memoryGoals are what a set may have resident, its daemons and with the processes that
// they keep, in MB; 0 = no goal.
var memoryGoals = map[string]struct{ daemons, all int }{
	"leveldb":  {daemons: 60, all: 120},
	"gen10000": {all: 300},
}

// memory builds, edits and builds again, and then looks at the set at rest.
func memory(ctx context.Context, b *bench, project string, trees []*tree) ([]line, error) {
	t := trees[0]
	if _, err := edit(ctx, b, "", trees); err != nil {
		return nil, err
	}
	out, err := t.command(ctx, t.exe, "status", "--json").Output()
	if err != nil {
		return nil, err
	}
	var set ipc.SetStatus
	if err := json.Unmarshal(out, &set); err != nil {
		return nil, err
	}
	var daemons []int
	for _, d := range set.Daemons {
		daemons = append(daemons, d.PID)
	}
	if err := pause.For(ctx, restFor); err != nil {
		return nil, err
	}
	all := withChildren(daemons)
	cpu := cpuTime(all)
	if err := pause.For(ctx, idleFor); err != nil {
		return nil, err
	}
	share := float64(cpuTime(all)-cpu) / float64(idleFor)
	goal := memoryGoals[project]
	return []line{
		megabytes("four daemons resident", sumKB(daemons, "Rss:"), goal.daemons),
		megabytes(fmt.Sprintf("all %d processes, PSS", len(all)), sumKB(all, "Pss:"), goal.all),
		{note: fmt.Sprintf("CPU at rest over %v: %.2f %% of a core, goal 0.30 %%", idleFor, 100*share), judged: true, failed: share > 0.003},
	}, nil
}

// withChildren adds the processes that descend from those given.
func withChildren(pids []int) []int {
	parents := map[int]int{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		if fields := statFields(path); len(fields) > 1 {
			pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			parents[pid], _ = strconv.Atoi(fields[1])
		}
	}
	member := map[int]bool{}
	for _, pid := range pids {
		member[pid] = true
	}
	for grown := true; grown; {
		grown = false
		for pid, parent := range parents {
			if member[parent] && !member[pid] {
				member[pid], grown = true, true
			}
		}
	}
	var all []int
	for pid := range member {
		all = append(all, pid)
	}
	return all
}

// statFields are the fields of a stat file after the name: state, parent, …
func statFields(path string) []string {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
}

// peakKB is the most that a process had resident, in kB.
func peakKB(p *os.ProcessState) int { return int(p.SysUsage().(*syscall.Rusage).Maxrss) }

// clockTick is Linux's USER_HZ, the unit of times in /proc/PID/stat.
const clockTick = 10 * time.Millisecond

func cpuTime(pids []int) time.Duration {
	var sum time.Duration
	for _, pid := range pids {
		fields := statFields(fmt.Sprintf("/proc/%d/stat", pid))
		if len(fields) > 12 {
			user, _ := strconv.Atoi(fields[11])
			system, _ := strconv.Atoi(fields[12])
			sum += time.Duration(user+system) * clockTick
		}
	}
	return sum
}

// sumKB adds up a line of smaps_rollup.
func sumKB(pids []int, name string) int {
	sum := 0
	for _, pid := range pids {
		f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if fields := strings.Fields(lines.Text()); len(fields) > 1 && fields[0] == name {
				kb, _ := strconv.Atoi(fields[1])
				sum += kb
			}
		}
		f.Close()
	}
	return sum
}
