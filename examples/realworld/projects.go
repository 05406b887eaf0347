package main

// project says how a project is configured, built and tested. Nothing in it is special to
// RepliBuild.
type project struct {
	name    string
	pkg     string   // Debian's source package
	from    string   // folder of the sources if it is not name
	system  string   // cmake, meson or make
	source  string   // folder with CMakeLists.txt, meson.build or Makefile, beneath the sources
	options []string // for CMake or Meson; for make its arguments
	prepare []string // shell command in the source folder, before all copies; for make only
	clean   []string // command that removes what was compiled; nil = make clean
	tests   []string // command in the build folder; nil = ctest, `meson test` or `make check`
	noTests string   // why no tests run
	ignore  []string // outputs that may differ: patterns of names
}

// folder is the name of the folder of the sources.
func (p project) folder() string {
	if p.from != "" {
		return p.from
	}
	return p.name
}

// sh is a line for the shell.
func sh(line string) []string { return []string{"sh", "-c", line} }

// projects are all, small ones first.
var projects = []project{
	{name: "tinyxml2", pkg: "tinyxml2", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug"}},
	{name: "pugixml", pkg: "pugixml", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug", "-DPUGIXML_BUILD_TESTS=ON"}},
	{name: "jsoncpp", pkg: "libjsoncpp", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug", "-DCCACHE_EXECUTABLE="}, // else it takes ccache where that is installed
		tests: []string{"ctest"}}, // two of its tests write the same files
	{name: "googletest", pkg: "googletest", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug", "-DBUILD_SHARED_LIBS=ON"}},
	{name: "fmt", pkg: "fmtlib", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug", "-DFMT_TEST=ON", "-DFMT_DOC=OFF"}},
	{name: "spdlog", pkg: "spdlog", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug", "-DSPDLOG_BUILD_EXAMPLE=ON", "-DSPDLOG_BUILD_SHARED=ON"}, noTests: "Debian leaves the library of the tests out"},
	{name: "yaml-cpp", pkg: "yaml-cpp", system: "cmake", options: []string{"-DYAML_CPP_BUILD_TESTS=OFF"}, noTests: "Debian leaves the library of the tests out"},
	{name: "box2d", pkg: "box2d", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug", "-DBOX2D_BUILD_TESTBED=OFF", "-DBOX2D_BUILD_UNIT_TESTS=OFF"}, noTests: "Debian leaves the library of the tests out"},
	{name: "ninja", pkg: "ninja-build", system: "cmake"},
	{name: "zstd", pkg: "libzstd", system: "cmake", source: "build/cmake", options: []string{"-DZSTD_BUILD_TESTS=OFF"}, noTests: "they take more than two minutes"},
	{name: "catch2", pkg: "catch2", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug", "-DCATCH_BUILD_EXAMPLES=ON", "-DCATCH_ENABLE_WERROR=OFF"}},
	{name: "abseil", pkg: "abseil", system: "cmake", options: []string{"-DABSL_PROPAGATE_CXX_STD=ON"}, noTests: "not built"},
	{name: "bullet", pkg: "bullet", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug", "-DBUILD_BULLET2_DEMOS=OFF", "-DBUILD_CPU_DEMOS=OFF", "-DBUILD_OPENGL3_DEMOS=OFF", "-DBUILD_EXTRAS=OFF", "-DBUILD_UNIT_TESTS=OFF", "-DBUILD_PYBULLET=OFF", "-DBUILD_SHARED_LIBS=ON"}, noTests: "they need the demos' libraries"},
	{name: "protobuf", pkg: "protobuf", system: "cmake", options: []string{"-DCMAKE_BUILD_TYPE=Debug", "-Dprotobuf_BUILD_TESTS=OFF", "-Dprotobuf_BUILD_EXAMPLES=OFF"}, noTests: "Debian leaves the library of the tests out"},
	{name: "libdrm", pkg: "libdrm", system: "meson", options: []string{"-Dtests=false", "-Dman-pages=disabled", "-Dvalgrind=disabled", "-Dcairo-tests=disabled"}},
	{name: "wayland", pkg: "wayland", system: "meson", options: []string{"-Ddocumentation=false"}},
	{name: "xkbcommon", pkg: "libxkbcommon", system: "meson", options: []string{"-Denable-x11=false", "-Denable-wayland=false", "-Denable-docs=false", "-Denable-xkbregistry=false"}},
	{name: "harfbuzz", pkg: "harfbuzz", system: "meson", options: []string{"-Dbuildtype=debug", "-Ddocs=disabled", "-Dintrospection=disabled", "-Dtests=disabled", "-Dbenchmark=disabled"}, noTests: "not built"},
	{name: "zlib", pkg: "zlib", system: "make", prepare: []string{"./configure"}, tests: []string{"make", "test"}},
	{name: "zstd-make", pkg: "libzstd", from: "zstd", system: "make", options: []string{"lib-release", "zstd-release", "MOREFLAGS=-O0"},
		tests: sh("make -C tests datagen MOREFLAGS=-O0 && cd tests && ./cli-tests/run.py --zstd=../programs/zstd --datagen=./datagen")},
	{name: "sqlite3", pkg: "sqlite3", system: "make", prepare: sh("CFLAGS=-O0 ./configure --disable-amalgamation --disable-tcl"),
		tests: sh("make fuzzcheck && ./fuzzcheck test/fuzzdata1.db")},
	{name: "redis", pkg: "redis", system: "make", options: []string{"MALLOC=libc", "USE_SYSTEMD=no", "OPTIMIZATION=-O0"}, ignore: []string{"release.h"},
		tests: sh("./runtest --single unit/type/list-2 --single unit/type/hash --clients 2")},
	{name: "curl", pkg: "curl", system: "make", prepare: sh("rm -f src/tool_hugehelp.c && autoreconf -fi && ./configure --without-ssl --without-zlib --disable-ldap --without-libpsl --without-brotli --disable-manual --disable-optimize"),
		tests: sh("make -C tests/server && cd tests && perl runtests.pl -n 1 to 20")},
	{name: "nginx", pkg: "nginx", system: "make", prepare: []string{"./configure", "--without-http_rewrite_module", "--with-cc-opt=-O0"}, clean: []string{"find", "objs", "-name", "*.o", "-delete"},
		tests: sh("mkdir -p logs && objs/nginx -p . -c conf/nginx.conf -t")}, // the package has none
	{name: "git", pkg: "git", system: "make", options: []string{"NO_TCLTK=1", "NO_GETTEXT=1", "NO_PERL=1", "NO_PYTHON=1", "CFLAGS=-O0"},
		tests: sh("cd t && ./t0000-basic.sh && ./t1300-config.sh && ./t3200-branch.sh")},
}
