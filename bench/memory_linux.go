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
	"time"

	"github.com/RepliBuild/replibuild/ipc"
)

// idleFor is how long the set is watched at rest.
const idleFor = 10 * time.Second

// memory builds, edits and builds again, and then looks at the set at rest.
func memory(ctx context.Context, b *bench, _ string, trees []*tree) ([]line, error) {
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
	all := withChildren(daemons)
	cpu := cpuTime(all)
	select {
	case <-time.After(idleFor):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	share := float64(cpuTime(all)-cpu) / float64(idleFor)
	rss, pss := sumKB(daemons, "Rss:"), sumKB(all, "Pss:")
	return []line{
		{note: fmt.Sprintf("four daemons resident: %.0f MB, goal 60 MB", float64(rss)/1024), judged: true, failed: rss > 60<<10},
		{note: fmt.Sprintf("all %d processes, PSS: %.0f MB, goal 120 MB", len(all), float64(pss)/1024), judged: true, failed: pss > 120<<10},
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
