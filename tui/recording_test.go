package tui

import (
	"strings"
	"testing"
	"time"
)

// The recording that the pictures are drawn from is understood whole: its plan, too.
func TestRecordingOfThePictures(t *testing.T) {
	t.Parallel()
	recorded, err := ReadRecorded("../screenshots/leveldb.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	m, err := New(Config{Replay: recorded, From: time.Hour, Env: testEnv(), Location: time.UTC, timer: noTimers, now: func() time.Time { return sampleNow }})
	if err != nil {
		t.Fatal(err)
	}
	plan := m.state.Plan()
	if plan == nil || len(plan.Actions) != 43 || len(plan.Targets) != 2 {
		t.Fatalf("the plan: %+v", plan)
	}
	for _, u := range m.state.All {
		if command := m.state.Command(u); len(command) == 0 || strings.Contains(u.Name, ":") {
			t.Errorf("%s (%s): command %q", u.Name, u.ID, command)
		}
	}
}
