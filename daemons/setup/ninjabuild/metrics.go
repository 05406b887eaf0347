package ninjabuild

import (
	"fmt"
	"time"
)

// metric counts one kind of work for -d stats. A nil one counts nothing.
type metric struct {
	name  string
	count int
	sum   time.Duration
}

// time begins a measurement; the function that it returns ends it.
func (m *metric) time() func() {
	if m == nil {
		return func() {}
	}
	start := time.Now()
	return func() {
		m.count++
		m.sum += time.Since(start)
	}
}

// metrics are all of one run, in the order of their making.
type metrics struct{ all []*metric }

// add makes a metric, or nil if nothing is measured.
func (m *metrics) add(name string) *metric {
	if m == nil {
		return nil
	}
	for _, old := range m.all {
		if old.name == name {
			return old
		}
	}
	fresh := &metric{name: name}
	m.all = append(m.all, fresh)
	return fresh
}

// report is the table of -d stats.
func (m *metrics) report() string {
	width := 0
	for _, one := range m.all {
		width = max(width, len(one.name))
	}
	text := fmt.Sprintf("%-*s\t%-6s\t%-9s\t%s\n", width, "metric", "count", "avg (us)", "total (ms)")
	for _, one := range m.all {
		micros := float64(one.sum.Nanoseconds()) / 1e3
		text += fmt.Sprintf("%-*s\t%-6d\t%-8.1f\t%.1f\n", width, one.name, one.count, micros/float64(max(one.count, 1)), micros/1e3)
	}
	return text
}
