package daemons

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// unsafeForLoader are the bytes that a path in LD_PRELOAD cannot have: the loader splits
// the list at the first two, and replaces what follows the third (ld.so(8)).
const unsafeForLoader = " :$"

// TracerDir holds what is loaded into compilers to see what they read, for all projects.
// Where the loader could not find it beneath Home it is a private folder in a temporary
// one. Not by TMPDIR: daemons and commands must agree.
func (p Paths) TracerDir() string {
	const name = "tracer"
	if strings.ContainsAny(p.Home, unsafeForLoader) {
		for _, dir := range []string{"/tmp", "/var/tmp"} {
			if own := filepath.Join(dir, fmt.Sprintf("replibuild-%d", os.Geteuid())); makeTemporaryHome(own) {
				return filepath.Join(own, name)
			}
		}
	}
	return filepath.Join(p.Home, name)
}
