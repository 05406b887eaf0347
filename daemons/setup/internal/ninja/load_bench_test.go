package ninja

import (
	"fmt"
	"strings"
	"testing"
)

// manifestOf writes a manifest like CMake's with so many compile edges, fifty a library.
func manifestOf(edges int) string {
	var b strings.Builder
	b.WriteString("rule CXX\n  depfile = $DEP_FILE\n  deps = gcc\n" +
		"  command = ${LAUNCHER}/usr/bin/c++ $DEFINES $INCLUDES $FLAGS -MD -MT $out -MF $DEP_FILE -o $out -c $in\n" +
		"rule LINK\n  command = $PRE_LINK && /usr/bin/c++ $FLAGS $in -o $TARGET_FILE && $POST_BUILD\n  restat = $RESTAT\n")
	var objects []string
	for i := range edges {
		lib := i / 50
		dir := fmt.Sprintf("lib%d/CMakeFiles/lib%d.dir/src/some/where", lib, lib)
		object := fmt.Sprintf("%s/file%d.cc.o", dir, i)
		fmt.Fprintf(&b, "build %s: CXX /home/user/project/lib%d/src/some/where/file%d.cc || order%d\n", object, lib, i, lib)
		b.WriteString("  DEFINES = -DEXPORTS -DNDEBUG -D_GNU_SOURCE -DNAME=\"x$ y\"\n")
		fmt.Fprintf(&b, "  DEP_FILE = %s.d\n  FLAGS = -O2 -g -fPIC -std=c++17 -Wall -Wextra -fno-exceptions\n", object)
		fmt.Fprintf(&b, "  INCLUDES = -I/home/user/project/include -I/home/user/project/lib%d/include -I.\n\n", lib)
		objects = append(objects, object)
		if len(objects) == 50 || i == edges-1 {
			fmt.Fprintf(&b, "build order%d: phony\nbuild lib%d.a: LINK %s\n  FLAGS = -O2\n  PRE_LINK = $:\n  TARGET_FILE = lib%d.a\n\n",
				lib, lib, strings.Join(objects, " "), lib)
			objects = nil
		}
	}
	return b.String()
}

func BenchmarkLoad(b *testing.B) {
	for _, edges := range []int{10_000, 100_000} {
		text := manifestOf(edges)
		b.Run(fmt.Sprint(edges), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if _, err := Load("build.ninja", func(string) (string, error) { return text, nil }, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
