package setup

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/ipc"
)

// TestInit compares what is written for each layout of a folder, and makes a plan of
// it.
func TestInit(t *testing.T) {
	t.Parallel()
	golden(t, "init", func(t *testing.T, w *world) string {
		file, err := Init(context.Background(), w.root, w.env, false)
		if err != nil {
			return problemText(err) + "\n"
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		p, err := w.tryPlan()
		if err != nil {
			return string(text) + "\nPROBLEM\n" + problemText(err)
		}
		got := string(text) + "----\n"
		for _, target := range p.Targets {
			var sources []string
			for u := range p.Units() {
				if u.Target == target.Name {
					sources = append(sources, u.Source)
				}
			}
			got += target.Kind + " " + target.Output + ": " + strings.Join(sources, " ") + "\n"
		}
		return got
	})
}

// What init writes to share results is valid, with tables that are there already and without.
func TestInitShared(t *testing.T) {
	t.Parallel()
	for name, files := range map[string]string{
		"plain":       "-- src/main.cpp --\nint main() {}\n",
		"compilation": "-- other/main.cpp --\nint main() {}\n-- inc/a.h --\n-- other/b.cpp --\n#include <a.h>\n",
		"cmake":       "-- CMakeLists.txt --\nproject(x)\n-- main.cpp --\nint main() {}\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, files)
			file, err := Init(context.Background(), w.root, w.env, true)
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			ps := &problems{}
			p := readProject(parseDocument(configFile, string(text), ps), "linux", ps)
			if len(ps.list) > 0 || !p.shared.or(false) || (p.build == nil) != (p.debugPaths.text == debugPathsShared) {
				t.Errorf("%v\n%s", ps.list, text)
			}
		})
	}
}

func TestInitNeverOverwrites(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "-- replibuild.toml --\n# mine\n-- main.cpp --\nint main() {}\n")
	_, err := Init(context.Background(), w.root, w.env, false)
	if ipc.CodeOf(err) != ipc.CodeConfig {
		t.Errorf("%v", err)
	}
	text, err := os.ReadFile(filepath.Join(w.root, configFile))
	if err != nil || string(text) != "# mine\n" {
		t.Errorf("%q, %v", text, err)
	}
}

// TestInitBuilds writes a file for a project of several programs, and builds it.
func TestInitBuilds(t *testing.T) {
	withCompilers(t, []string{"g++"}, func(t *testing.T, _ string, newWorld func(string) *world) {
		w := newWorld(`
-- include/tooling/sum.h --
int sum(int a, int b);
-- src/sum.c --
#include "tooling/sum.h"
#include "detail/impl.h"
int sum(int a, int b) { return impl(a) + b; }
-- src/detail/impl.h --
static int impl(int a) { return a; }
-- tools/add.c --
#include <stdio.h>
#include <stdlib.h>
#include <tooling/sum.h>
int main(int argc, char **argv) { (void)argc; (void)argv; printf("%d\n", sum(40, 2)); return 0; }
-- tests/sum_test.c --
#include <tooling/sum.h>
int main(void) { return sum(1, 1) != 2; }
-- tests/gtest_test.cpp --
#include <nowhere/framework.h>
int main() {}
`)
		if _, err := Init(context.Background(), w.root, w.env, false); err != nil {
			t.Fatal(err)
		}
		p := w.plan()
		w.build(p)
		w.runs(p, "add", "42\n")
		w.runs(p, "sum_test", "")
		if !slices.ContainsFunc(p.Targets, func(t ipc.Target) bool { return t.Kind == ipc.KindStatic }) {
			t.Errorf("%+v", p.Targets)
		}
	})
}
