# RepliBuild. `make demo` shows the main job, `make test` proves it; both install
# what they need with apt (as root, or through sudo).

GO      ?= go
BIN     := bin/replibuild
PREFIX  ?= /usr/local
SUDO    := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
APT     := DEBIAN_FRONTEND=noninteractive $(SUDO) apt-get -qq -o Dpkg::Use-Pty=0
REAL    := $(CURDIR)/.cache/real
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

.PHONY: all build install demo test remote-test unit race vet lint fmt real deps-demo deps-test ninja-suite ccache-suite real-world launcher-stress oracle oracle-graphs oracle-manifests oracle-launches staleness heavy bench estimate screenshots clean

all: build

build: $(BIN)

# go build decides by content what to do, so it is always asked. Without cgo the program
# starts without a dynamic loader, some milliseconds sooner. It brings the tracer along,
# which a program that `go install` made builds where it runs.
# What is called replibuild is the thin client, which executes replibuild-go beside it, or the one
# that is named at its own end. Where it cannot be built, replibuild is the Go program.
PREBUILT := daemons/compilation/internal/preload/prebuilt
.PHONY: $(BIN) prebuilt
prebuilt:
	@$(GO) run ./daemons/compilation/internal/preload/prebuild $(PREBUILT)
$(BIN): prebuilt
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $@-go ./cmd/replibuild
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags "-X main.version=$(VERSION)" -o $(BIN)-remote ./cmd/replibuild-remote
	@rm -f $@ $@-cc
	@if cp $(PREBUILT)/*.client $@-cc 2>/dev/null; then cp $@-cc $@; printf '\0replibuild-go=%s' "$(CURDIR)/$@-go" >>$@; \
	else mv $@-go $@; echo "no thin client was built: replibuild is the Go program"; fi
	@ln -sf $$([ -e $@-cc ] && echo replibuild-cc || echo replibuild) $@-ninja

install: build
	install -D -m 755 $$([ -e $(BIN)-cc ] && echo $(BIN)-cc || echo $(BIN)) $(DESTDIR)$(PREFIX)/bin/replibuild
	for p in go cc; do [ ! -e $(BIN)-$$p ] || install -D -m 755 $(BIN)-$$p $(DESTDIR)$(PREFIX)/bin/replibuild-$$p; done
	cp -P $(BIN)-ninja $(DESTDIR)$(PREFIX)/bin/replibuild-ninja
	install -D -m 755 $(BIN)-remote $(DESTDIR)$(PREFIX)/bin/replibuild-remote
	$(GO) run ./cmd/man $(VERSION) $(DESTDIR)$(PREFIX)/share/man/man1

demo: deps-demo build
	$(BIN) demo

# Everything that must hold before a change lands: formatting, vet, the types for the other
# systems, and all tests, real projects included. ipc goes first, alone: what it tests of
# silent peers is measured by the clock. The race detector is on for the tests of each package.
# It is off for the scripts, the oracle and the examples, which use the same services as whole
# programs, hundreds of times, and take up to three times as long with it; and for what links
# gRPC, which takes a minute to build with it. `make race` runs these with it. Packages without
# tests are left out, because go test would build them, and vet has looked at all of them before.
# The tracer is built before: each test with a home of its own would build it, in a second.
WHOLE  := ./cmd/replibuild ./oracle ./examples
REMOTE := ./cmd/replibuild-remote ./internal/remotehelper
TESTED := $(GO) list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.ImportPath}}{{end}}' ./...
test: deps-test vet real prebuilt
	$(GO) test -vet=off -race -timeout 15m ./ipc
	$(GO) test -vet=off -race -timeout 25m $$($(TESTED) | grep -v -e /cmd/replibuild -e /oracle$$ -e /examples$$ -e /remotehelper$$)
	REPLIBUILD_REAL=$(REAL) $(GO) test -vet=off -timeout 25m $(WHOLE) $(REMOTE)

race: deps-test real prebuilt
	REPLIBUILD_REAL=$(REAL) REPLIBUILD_FARM=1 $(GO) test -race -count 1 -timeout 90m $(WHOLE) $(REMOTE)

# The tests without the race detector and the real projects: for the inner loop.
unit:
	$(GO) test ./...

vet:
	@out=$$(gofmt -l $$(git ls-files '*.go')); [ -z "$$out" ] || { echo "not gofmt-ed: $$out"; exit 1; }
	$(GO) vet ./...
	$(GO) run ./internal/typecheck darwin windows

# Slower, because each system's standard library has to be compiled first.
lint: vet
	GOOS=darwin $(GO) vet ./...
	GOOS=windows $(GO) vet ./...
	$(GO) run honnef.co/go/tools/cmd/staticcheck@latest ./...

# Real projects from Debian's source packages. Exit code 75 of the script means
# that a package could not be fetched; its tests then say so and are skipped.
real:
	@./examples/fetch.sh $(REAL) || [ $$? = 75 ]

# What is missing is installed, what is there is left alone. clang and lld are
# preferred; where they cannot be had g++ serves.
deps-demo:
	@have() { command -v $$1 >/dev/null 2>&1; }; \
	{ have clang++-19 && have ld.lld-19; } || \
	  { $(APT) update && $(APT) install -y clang-19 lld-19 >/dev/null; } || \
	  have g++ || $(APT) install -y g++ >/dev/null; \
	{ have pkg-config && pkg-config --exists zlib; } || \
	  { $(APT) update && $(APT) install -y pkg-config zlib1g-dev >/dev/null; }

deps-test: deps-demo
	@missing=; for p in g++:g++ mold:mold tmux:tmux ninja:ninja-build cmake:cmake meson:meson dpkg-source:dpkg-dev setpriv:util-linux curl:curl make:make gdb:gdb; do \
	  command -v $${p%%:*} >/dev/null 2>&1 || missing="$$missing $${p##*:}"; done; \
	[ -z "$$missing" ] || { $(APT) update && $(APT) install -y $$missing >/dev/null; }

# The remote cache with a real server: bazel-remote, at the version that its own module pins.
# Building it takes some 65 s of CPU, once.
BAZEL_REMOTE := $(CURDIR)/.cache/remote/bazel-remote
$(BAZEL_REMOTE): examples/remote/server/go.mod examples/remote/server/go.sum
	cd examples/remote/server && $(GO) build -o $@ github.com/buchgr/bazel-remote/v2

remote-test: $(BAZEL_REMOTE)
	REPLIBUILD_BAZEL_REMOTE=$(BAZEL_REMOTE) REPLIBUILD_FARM=1 REPLIBUILD_FARM_REAL=$(abspath $(REAL)) $(GO) test -race -count 1 $(REMOTE)
	REPLIBUILD_BAZEL_REMOTE=$(BAZEL_REMOTE) $(GO) test -count 1 ./examples -run Remote

# ninja's own tests of the program and CMake's of its ninja generator, from Debian's source
# packages; NINJA_SOURCES is another source tree of ninja. docs/ninja.md says what differs.
NINJA_SOURCES ?= $(REAL)/ninja
ninja-suite: deps-test build
	@[ -d "$(NINJA_SOURCES)" ] && [ -d $(REAL)/cmake ] || ./examples/fetch.sh $(REAL) ninja:ninja-build cmake:cmake
	./daemons/setup/ninjabuild/suite.sh $(CURDIR)/$(BIN) $(NINJA_SOURCES) $(REAL)/cmake

# ccache's own tests of behaviour against the launcher, with gcc and clang, from Debian's source
# package, which apt checks; CCACHE_SOURCES is another source tree of ccache 4.7.5.
# docs/launcher.md says what differs. SUITES may name some.
CCACHE_SOURCES ?= $(REAL)/ccache
SUITES ?=
ccache-suite: deps-test build
	@[ -d "$(CCACHE_SOURCES)" ] || ./examples/fetch.sh $(REAL) ccache:ccache
	@missing=; for p in perl:perl objdump:binutils eu-elfcmp:elfutils; do \
	  command -v $${p%%:*} >/dev/null 2>&1 || missing="$$missing $${p##*:}"; done; \
	[ -z "$$missing" ] || { $(APT) update && $(APT) install -y $$missing >/dev/null; }
	./daemons/compilation/ccachesuite/suite.sh $(CURDIR)/$(BIN) $(CCACHE_SOURCES) $(SUITES)

# Real projects as they are, from Debian's source packages: built by their own tool and by
# RepliBuild, and all files compared. PROJECTS="tinyxml2,zlib" picks some, COMPILERS="gcc,clang-19"
# names compilers. All take some hours on 2 cores. docs/real-projects.md says what came out.
PROJECTS  ?=
COMPILERS ?= gcc
real-world: deps-test build
	@missing=; for p in autoreconf:autoconf automake:automake libtoolize:libtool tclsh:tcl pcre2-config:libpcre2-dev; do \
	  command -v $${p%%:*} >/dev/null 2>&1 || missing="$$missing $${p##*:}"; done; \
	for p in zlib:zlib1g-dev openssl:libssl-dev libcurl:libcurl4-openssl-dev expat:libexpat1-dev libffi:libffi-dev libxml-2.0:libxml2-dev pciaccess:libpciaccess-dev fmt:libfmt-dev; do \
	  pkg-config --exists $${p%%:*} || missing="$$missing $${p##*:}"; done; \
	[ -d /usr/src/googletest ] || missing="$$missing googletest"; \
	[ -z "$$missing" ] || { $(APT) update && $(APT) install -y $$missing >/dev/null; }
	./examples/fetch.sh $(REAL) $$($(GO) run ./examples/realworld -list -projects "$(PROJECTS)" | sort -u)
	$(GO) run ./examples/realworld -replibuild $(BIN) -sources $(REAL) -projects "$(PROJECTS)" -compilers "$(COMPILERS)"

# Random projects and changes to them, each build beside one by the plain compiler;
# oracle/doc.go. The default takes some 20 minutes on 2 cores.
STEPS ?= 2000
SEED  ?= 1
oracle: deps-test build
	ORACLE_REMOTE=$(CURDIR)/$(BIN)-remote ORACLE_STEPS=$(STEPS) ORACLE_SEED=$(SEED) $(GO) test ./oracle -run TestOracle -count 1 -timeout 0 -v

# The same for random graphs: tools that are built and run, several outputs, side files.
oracle-graphs: deps-test
	ORACLE_STEPS=$(STEPS) ORACLE_SEED=$(SEED) $(GO) test ./oracle -run TestGraphs -count 1 -timeout 0 -v

# The same for random build.ninja files, by replibuild ninja and by ninja; ORACLE_NINJA is another
# ninja than that of PATH, best one of 1.13. 1000 steps take some 3 minutes on 2 cores.
oracle-manifests: deps-test build
	ORACLE_PROGRAM=$(CURDIR)/$(BIN) ORACLE_STEPS=$(STEPS) ORACLE_SEED=$(SEED) $(GO) test ./oracle -run TestManifests -count 1 -timeout 0 -v

# The same for random commands behind the thin client. 1000 steps take some 8 minutes on 2 cores.
oracle-launches: deps-test build
	ORACLE_PROGRAM=$(CURDIR)/$(BIN) ORACLE_STEPS=$(STEPS) ORACLE_SEED=$(SEED) $(GO) test ./oracle -run TestLaunches -count 1 -timeout 0 -v

# Every unit of the real projects plainly and by its precompiled includes, at four
# levels, the objects compared, and what it gains. PROOF may name projects and levels.
PROOF ?= all
preamble-proof: deps-test real
	REPLIBUILD_REAL=$(REAL) REPLIBUILD_PREAMBLE_PROOF="$(PROOF)" $(GO) test ./daemons/compilation -run 'TestPreamble(Proof|Gain)' -count 1 -timeout 0 -v

# What the two observers report of every action of the real projects and of a zoo of tools is
# compared, and what each of them costs is measured. OBSERVE may name projects.
OBSERVE ?= all
observe-proof: deps-test real
	REPLIBUILD_REAL=$(REAL) REPLIBUILD_OBSERVE_PROOF="$(OBSERVE)" $(GO) test ./daemons/compilation/internal/preload -run 'TestTwoObservers(Zoo|Real)' -count 1 -timeout 0 -v

# Seven ways to get a wrong object out of a cache, tried on ccache and on RepliBuild.
staleness: deps-demo build
	@command -v ccache >/dev/null 2>&1 || { $(APT) update && $(APT) install -y ccache >/dev/null; }
	./bench/staleness.sh $(CURDIR)/$(BIN)

# Six units of more than 1 GB each where 2000 MB may be taken, then two builders that write
# one output 500 times each.
heavy: deps-demo build
	./bench/heavy.sh $(CURDIR)/$(BIN)
	go test ./daemons/compilation -count=1 -timeout 2h -run TestTwoBuilders -two-builders 500

# 10,000 launches, 50 builds with the daemon killed at random, times that jump, and places that
# may not be written. It takes some minutes.
launcher-stress: deps-test build
	./bench/launcher_stress.sh $(CURDIR)/$(BIN)

# The whole speed table takes hours on 2 cores; BENCH="-only nothing" is one row, and
# BENCH="-runs 3 -files 6 -projects leveldb" one project. BENCH="-only ninja-* -projects leveldb"
# are the rows of `replibuild ninja`; `./examples/fetch.sh .cache/real protobuf:protobuf` adds
# protobuf to them.
BENCH ?= -files 0
bench: deps-test build real
	@missing=; for p in ninja:ninja-build ccache:ccache; do \
	  command -v $${p%%:*} >/dev/null 2>&1 || missing="$$missing $${p##*:}"; done; \
	[ -z "$$missing" ] || { $(APT) update && $(APT) install -y $$missing >/dev/null; }
	$(GO) run ./bench -replibuild $(BIN) -real $(REAL) $(BENCH) -out bench/RESULTS.md

# The pictures of the README, drawn from the real dashboard in a real terminal.
screenshots: build
	@missing=; for p in xvfb-run:xvfb xauth:xauth xterm:xterm import:imagemagick tmux:tmux fc-list:fontconfig; do \
	  command -v $${p%%:*} >/dev/null 2>&1 || missing="$$missing $${p##*:}"; done; \
	fc-list 2>/dev/null | grep -q DejaVuSansMono || missing="$$missing fonts-dejavu-core"; \
	[ -z "$$missing" ] || { $(APT) update && $(APT) install -y --no-install-recommends $$missing >/dev/null; }
	./screenshots/draw.sh $(CURDIR)/$(BIN)
	$(GO) run ./screenshots/animate

# How honest the estimated time of a build is, over 50 edits of LevelDB.
estimate: build real
	./bench/estimate.sh $(CURDIR)/$(BIN) $(REAL)/leveldb

clean:
	rm -rf bin .cache
