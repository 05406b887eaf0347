package ipc

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// refusedFlags load code, write somewhere, read any file, reach another tool or
// change what is compiled. Each line is one argument list.
const refusedFlags = `
-fplugin=./evil.so
-fplugin=evil
-fplugin-arg-evil-x
-fpass-plugin=./evil.so
-load ./evil.so
-Xclang -load
-Xclang
-Xclang -fplugin=x
-mllvm -load=x
-mllvm
-B.
-B /tmp
-B
--prefix=/tmp
-specs=evil
--specs=evil
-specs evil
-wrapper sh,-c
-wrapper
-fuse-ld=/tmp/ld
-fuse-ld=lld
--ld-path=/tmp/ld
-Wl,-plugin,x
-Wl
-Wa,-I/etc
-Wa
-Wp,-MD,x
-Wp
-Xlinker -x
-Xassembler -x
-Xpreprocessor -x
-Xanalyzer x
-Xarch_host -fplugin=x
-no-integrated-cpp
-fno-integrated-as
-fintegrated-cc1
--config=evil
--config evil
--config-user-dir=.
-include /etc/passwd
-include a.h
-imacros a.h
-include-pch x
--include=/etc/passwd
-iprefix /
-iwithprefix x
-isysroot /tmp
--sysroot=/tmp
-I/etc
-I /etc
-I..
-I ../x
-Iinclude/../../x
-I=x
-I @args
-I -fplugin=x
-I-
-I
-isystem /usr/evil
-isystem=x
-isystem @args
-iquote/
-idirafter ../x
-cxx-isystem x
-F/Frameworks
-L.
-l evil
-o x
-o../x
-c
-S
-E
-M
-MD
-MMD
-MF x
-MFx
-MT x
-MJ x
-x c
-xassembler
-x
--language=c
@args
@/etc/passwd
other.c
-
--
/etc/passwd
-save-temps
-save-temps=obj
--save-temps
-dumpdir x
-dumpbase x
-dM
-d x
-fdump-tree-all
-fdump-rtl-all=/tmp/x
-fcallgraph-info
-fstack-usage
-ftime-trace
-ftime-trace=/tmp/x
-ftime-report
-frecord-command-line
-fopt-info-all=/tmp/x
-fsave-optimization-record
-foptimization-record-file=/tmp/x
-fdiagnostics-format=json-file
-fdiagnostics-add-output=sarif:file=x
-fdiagnostics-log-file=/tmp/x
--serialize-diagnostics x
-serialize-diagnostics x
-fprofile-generate
-fprofile-generate=/tmp
-fprofile-use=/etc/passwd
-fprofile-instr-generate=/tmp/x
-fprofile-dir=/tmp
-fprofile-list=/etc/passwd
-fauto-profile=/etc/passwd
-fcoverage-mapping
--coverage
-coverage
-ftest-coverage
-fprofile-arcs
-gsplit-dwarf
-fsanitize-ignorelist=/etc/passwd
-fsanitize-blacklist=/etc/passwd
-fsanitize-coverage-allowlist=/etc/passwd
-fxray-instrument
-fxray-always-instrument=/etc/passwd
-fthinlto-index=/etc/passwd
-flto
-flto=auto
-fuse-linker-plugin
-fmodules
-fmodules-ts
-fmodule-file=x
-fmodule-map-file=/etc/passwd
-fmodule-mapper=|sh
-fmodules-cache-path=/tmp
-fmodule-output=/tmp/x
-fprebuilt-module-path=/tmp
-fimplicit-modules
-ivfsoverlay x
-vfsoverlay x
-working-directory=/
-working-directory /
-resource-dir=/tmp
-resource-dir /tmp
--gcc-toolchain=/tmp
--gcc-install-dir=/tmp
-gcc-toolchain /tmp
-target x
--target=x
-arch x
-stdlib++-isystem /tmp
-ccc-install-dir /tmp
-ccc-gcc-name sh
-fembed-bitcode
-fcompile-resource=x
-ffile-compilation-dir=/x
-fdebug-prefix-map=a=b
-frandom-seed=/dev/x
-frewrite-includes
-foffload=x
-fopenmp-targets=x
-fcuda-include-gpubinary x
-fbuiltin-module-map
-fdepfile-entry=x
-fdump-record-layouts
-finput-charset=x
-finstrument-functions-exclude-file-list=x
-fpch-preprocess
-fpreprocessed
-fsyntax-only
-fstack-limit-symbol=x
-gen-cdb-fragment-path /tmp
-index-store-path /tmp
-analyze
--analyze
-emit-llvm
-emit-ast
-march=native -fplugin=x
-march=a/b
-std=c++17/x
-O2 -o
-DX=/etc/passwd
-D X="/etc/passwd"
-DX=\57etc
-D @args
-D -fplugin=x
-D=x
-D
-D1=x
-U
-U X=1
-U @args
-wrong
-v
-###
-pipe x
-print-search-dirs
-pass-exit-codes
-time=/tmp/x
-fuck
-rdynamic
-shared
-static
-nostdinc
-T x
-u x
-z x`

var allowedFlagLists = map[string]string{
	"both": `-O0 -O2 -O3 -Os -Og -O -Ofast -g -g3 -gdwarf-4 -ggdb -std=c++20 -pedantic -pthread -w -Wall -Wextra -Wno-unused
		-Werror=return-type -Wlogical-op -fPIC -fno-exceptions -fno-rtti -fvisibility=hidden -ffunction-sections -fopenmp
		-fno-omit-frame-pointer -fstack-protector-strong -ftemplate-depth=512 -fsanitize=undefined,address -march=x86-64-v2
		-mtune=generic -mavx2 -mno-sse4.2 -m64 -I. -I include -Iinclude/sub -isystem include -iquoteinclude -idirafter include
		-DNDEBUG -DLEVEL=2 -D NAME="x\x20y" -DF(a,b)=a+b -DS="text" -UNDEBUG -U OTHER`,
	"clang": `-Weverything -fcolor-diagnostics -ferror-limit=5 -gline-tables-only -ffp-model=precise -fconstexpr-steps=9`,
	"gcc":   `-fdiagnostics-color=always -fmax-errors=5 -fconstexpr-ops-limit=999 -ftree-vectorize -fno-semantic-interposition -Wduplicated-cond`,
}

func TestRefusedFlags(t *testing.T) {
	t.Parallel()
	n := 0
	for line := range strings.Lines(strings.TrimPrefix(refusedFlags, "\n")) {
		n++
		if err := AllowedFlags(strings.Fields(line)); CodeOf(err) != CodeUnauthorized {
			t.Errorf("%s: %v", strings.TrimSpace(line), err)
		}
	}
	if n < 150 {
		t.Errorf("only %d lists", n)
	}
	for _, f := range []string{"", " ", "-O2\n-fplugin=x", "-DX=\n#include <x>", "-I\x00", "-O2 -fplugin=x", "-Wall\n"} {
		if err := AllowedFlags([]string{f}); CodeOf(err) != CodeUnauthorized {
			t.Errorf("%q: %v", f, err)
		}
	}
}

// TestAllowedFlags runs the compilers with every allowed flag: they take them, and
// write the object and nothing else.
func TestAllowedFlags(t *testing.T) {
	t.Parallel()
	for compiler, own := range map[string]string{"clang++-19": "clang", "g++": "gcc"} {
		t.Run(compiler, func(t *testing.T) {
			t.Parallel()
			flags := strings.Fields(strings.ReplaceAll(allowedFlagLists["both"]+" "+allowedFlagLists[own], `\x20`, "_"))
			if err := AllowedFlags(flags); err != nil {
				t.Fatal(err)
			}
			path, err := exec.LookPath(compiler)
			if err != nil {
				t.Skipf("no %s here", compiler)
			}
			dir := projectWith(t, "a.cpp", "include/sub/b.h")
			cmd := exec.Command(path, append(flags, "-c", "a.cpp", "-o", "a.o")...)
			cmd.Dir = dir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v: %s", err, out)
			}
			var files []string
			filepath.WalkDir(dir, func(p string, d os.DirEntry, _ error) error {
				if !d.IsDir() {
					files = append(files, d.Name())
				}
				return nil
			})
			if got := strings.Join(files, " "); got != "a.cpp a.o b.h" {
				t.Errorf("afterwards there are %s", got)
			}
		})
	}
}

func TestFlagErrorNamesFlag(t *testing.T) {
	t.Parallel()
	err := AllowedFlags([]string{"-O2", "-I", "/etc"})
	if err == nil || !strings.Contains(err.Error(), `"/etc"`) {
		t.Errorf("got %v", err)
	}
	if err := AllowedFlags(nil); err != nil {
		t.Errorf("no flags: %v", err)
	}
}
