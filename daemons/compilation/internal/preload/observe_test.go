package preload

import (
	"reflect"
	"strings"
	"testing"
)

// Records are written as KIND:PATH.
func TestObservation(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, records, outputs string
		want                   Observation
	}{
		{"kinds", "R:a S:b D:c L:d K:e M:f", "", Observation{
			Read: []string{"a"}, Seen: []string{"b"}, Folders: []string{"c"}, Listed: []string{"d"}, Links: []string{"e"}, Missed: []string{"f"},
		}},
		{"asked, then read", "S:a R:a S:a", "", Observation{Read: []string{"a"}}},
		{"asked, then listed", "D:a/ L:a", "", Observation{Listed: []string{"a"}}},
		{"a link that is read", "K:a R:a", "", Observation{Read: []string{"a"}, Links: []string{"a"}}},
		{"temporary", "M:t W:t R:t S:t", "", Observation{Written: []string{"t"}, OwnMissed: []string{"t"}}},
		{"gone temporary", "W:gone R:gone", "", Observation{}},
		{"read, then overwritten", "R:a W:a", "", Observation{Read: []string{"a"}, Written: []string{"a"}}},
		{"read, then overwritten by declaration", "R:a W:a", "a", Observation{Written: []string{"a"}, OwnRead: []string{"a"}}},
		{"a miss that somebody else made", "M:a R:a", "", Observation{Read: []string{"a"}, Missed: []string{"a"}}},
		{"machine", "R:/proc/cpuinfo R:/proc/uptime M:/sys/x R:/dev/null R:/dev/fd/7 R:/proc/sys/vm/y", "", Observation{Volatile: []string{"/proc/uptime", "/dev/fd/7"}}},
		{"connected", "T:/ R:/p/a", "", Observation{Connected: true, Read: []string{"/p/a"}}},
		{"numbered", "F:/dev/fd/3 R:/p/a F:/dev/fd/3", "", Observation{Numbered: []string{"/dev/fd/3"}, Read: []string{"/p/a"}}},
		{"kept and then read", "U:log R:log", "", Observation{Read: []string{"log"}, Written: []string{"log"}}},
		{"made, kept and read", "W:t U:t R:t", "", Observation{Written: []string{"t"}}},
		{"files below /dev", "M:/dev/shm/gone R:/dev/shm/a M:/dev/gone R:/dev/null", "", Observation{Read: []string{"/dev/shm/a"}, Missed: []string{"/dev/shm/gone"}}},
		{"programs", "X:/bin/a X:/bin/b X:/bin/a", "", Observation{Executed: []string{"/bin/a", "/bin/b", "/bin/a"}}},
		{"a folder that is asked for as one", "M:a/ S:a", "", Observation{Missed: []string{"a/"}, Seen: []string{"a"}}},
	} {
		l := newLedger()
		for _, rec := range strings.Fields(tt.records) {
			l.add(entry{kind: rec[0], path: rec[2:]})
		}
		tt.want.Stamps, tt.want.LinkStamps = map[string]Stamp{}, map[string]Stamp{}
		outputs := make(map[string]bool)
		for _, o := range strings.Fields(tt.outputs) {
			outputs[o] = true
		}
		got := l.observation(outputs, stampForTest)
		got.Writes, got.Listers = nil, nil // see TestWrites and TestListers
		if !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", tt.name, got, tt.want)
		}
	}
}

func TestListers(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.add(entry{kind: kindProgram, process: 1, path: "/bin/tool", known: true})
	l.add(entry{kind: kindProgram, process: 2, path: "/bin/make"})
	for _, e := range []entry{{process: 1, path: "a"}, {process: 2, path: "b/"}, {process: 2, path: "b"}, {process: 1, path: "c"}, {process: 2, path: "c"}} {
		e.kind = kindListed
		l.add(e)
	}
	want := map[string][]string{"a": {""}, "b": {"/bin/make"}, "c": {"", "/bin/make"}}
	if got := l.observation(nil, stampForTest).Listers; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// How paths were written: N where nothing was, R replaced, U updated, D declared only.
func TestWrites(t *testing.T) {
	t.Parallel()
	for records, want := range map[string]string{
		"W:a": "N", "O:a": "R", "U:a": "U", "R:other": "D", "W:a O:a": "N", "W:a U:a": "N", "O:a U:a": "R", "U:a O:a": "RU", "R:a O:a": "R",
	} {
		l := newLedger()
		for i, rec := range strings.Fields(records) {
			l.add(entry{kind: rec[0], path: rec[2:], stamp: Stamp{Ino: uint64(i + 1)}})
		}
		w := l.observation(map[string]bool{"a": true, "other": records == "R:other"}, stampForTest).Writes
		got := ""
		for path, one := range w {
			if one.Declared != (path == "other") {
				t.Errorf("%s: %s: %+v", records, path, one)
			}
			for flag, is := range map[string]bool{"N": !one.Replaced && !one.Updated && !one.Declared, "D": one.Declared} {
				if is {
					got += flag
				}
			}
			if one.Replaced {
				got += "R"
			}
			if one.Updated {
				got += "U"
			}
			if last := uint64(len(strings.Fields(records))); !one.Declared && one.File.Ino != last {
				t.Errorf("%s: file %d, want %d", records, one.File.Ino, last)
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", records, got, want)
		}
	}
}

func TestLibraryEnv(t *testing.T) {
	t.Parallel()
	lib := Library{Path: "/l/p.so"}
	for _, tt := range []struct{ env, want string }{
		{"A=1", "A=1 LD_PRELOAD=/l/p.so"},
		{"LD_PRELOAD=/x.so A=1", "LD_PRELOAD=/l/p.so:/x.so A=1"},
		{"LD_PRELOAD=/l/p.so", "LD_PRELOAD=/l/p.so"},
		{"LD_PRELOAD= REPLIBUILD_TRACE=/old REPLIBUILD_RESIDENT=3", "LD_PRELOAD=/l/p.so"},
	} {
		if got := strings.Join(lib.Env(strings.Fields(tt.env), nil), " "); got != tt.want {
			t.Errorf("%s: got %s, want %s", tt.env, got, tt.want)
		}
	}
}

func TestMappedPaths(t *testing.T) {
	t.Parallel()
	text := `55d0-55d1 r--p 00000000 fe:00 131 /usr/bin/with space
55d1-55d2 r-xp 00001000 fe:00 131 /usr/bin/with space
55d2-55d3 rw-p 00000000 00:00 0 [heap]
7f00-7f01 r--p 00000000 fe:00 99 /lib/x.so (deleted)
7f01-7f02 rw-s 00000000 00:01 7 /memfd:trace (deleted)
7f02-7f03 rw-p 00000000 00:00 0
`
	want := []string{"/usr/bin/with space", "/lib/x.so (deleted)"}
	if got := mappedPaths(text); !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func stampForTest(p string) (Stamp, bool) {
	s := Stamp{Mode: 0o20666}
	if strings.HasPrefix(p, "/dev/shm/") {
		s.Mode = 0o100644
	}
	return s, !strings.HasSuffix(p, "gone")
}
