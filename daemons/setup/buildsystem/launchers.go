package buildsystem

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/internal/lazyregexp"
)

// byLauncher matches the command of a rule that calls the compiler through a launcher.
var byLauncher = lazyregexp.New(`(?m)^ *command = (?:\S*/)?(ccache|sccache|distcc|icecc) `)

// launcher names the program through which a configured folder calls its compilers, "" if there is
// none. Meson takes ccache by itself wherever it is installed.
func launcher(b *setup.BuildSystem) string {
	for _, name := range []string{"build.ninja", filepath.Join("CMakeFiles", "rules.ninja")} {
		text, err := os.ReadFile(filepath.Join(b.BuildDir, name))
		if err != nil {
			continue
		}
		if found := byLauncher().FindSubmatch(text); found != nil {
			return string(found[1])
		}
	}
	return ""
}

// tellLauncher says that what a launcher runs does not come from our cache, and how to change that.
func tellLauncher(b *setup.BuildSystem, say func(string)) {
	name := launcher(b)
	if name == "" {
		return
	}
	say(fmt.Sprintf("⚠️  %s calls the compilers through %s, so RepliBuild neither caches nor traces what they do", b.System, name))
	if b.System == setup.SystemMeson {
		say("   Name them in replibuild.toml: [build.environment] CC = \"cc\", CXX = \"c++\"")
		return
	}
	say("   Leave CMAKE_C_COMPILER_LAUNCHER and CMAKE_CXX_COMPILER_LAUNCHER out, as options and as variables")
}
