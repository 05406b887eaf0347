package preload

import (
	"fmt"
	"testing"
	"strings"
	"path"
)

func TestProbe(t *testing.T) {
	for _, cc := range []string{"clang++-19", "g++"} {
		o := observe(t, "/tmp/examples/real/leveldb", []string{"/tmp/trace11/a.o"}, cc, "-std=c++17", "-O0", "-I.", "-Iinclude", "-I/tmp/trace11/inc", "-DLEVELDB_PLATFORM_POSIX=1", "-include", "/tmp/trace11/pc.h", "-c", "table/table.cc", "-o", "/tmp/trace11/a.o")
		fmt.Println(cc, o.Complete, o.WhyNot, "read", len(o.Read), "seen", len(o.Seen), "fold", len(o.Folders), "listed", len(o.Listed), "links", len(o.Links), "miss", len(o.Missed), "vol", o.Volatile, "exec", o.Executed)
		dirs := map[string]int{}
		for _, m := range o.Missed { dirs[path.Dir(m)]++ }
		fmt.Println("missdirs", len(dirs))
		fmt.Println("SEEN", strings.Join(o.Seen, "\n  "))
		fmt.Println("FOLD", strings.Join(o.Folders, "\n  "))
		fmt.Println("LISTED", strings.Join(o.Listed, "\n  "))
		fmt.Println("LINKS", strings.Join(o.Links, "\n  "))
		fmt.Println("WRITTEN", o.Written)
		fmt.Println("READ", strings.Join(o.Read[:30], "\n  "))
		fmt.Println("MISS", strings.Join(o.Missed[:60], "\n  "))
	}
	for _, ld := range [][]string{{"clang++-19","-fuse-ld=lld"},{"clang++-19", "-fuse-ld=mold"},{"g++"}} {
		o := observe(t, "/tmp/trace11", []string{"/tmp/trace11/m"}, ld[0], append(ld[1:], "m.o", "-o", "m")...)
		fmt.Println(ld, o.Complete, o.WhyNot, "read", len(o.Read), "seen", len(o.Seen), "fold", len(o.Folders), "listed", len(o.Listed), "links", len(o.Links), "miss", len(o.Missed), "vol", o.Volatile, "exec", o.Executed)
		fmt.Println("WRITTEN", o.Written)
		fmt.Println("READ", strings.Join(o.Read, "\n  "))
		fmt.Println("SEEN", strings.Join(o.Seen, "\n  "))
		fmt.Println("LISTED", strings.Join(o.Listed, "\n  "))
	}
}
