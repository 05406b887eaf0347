package main

import (
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// snapshot is the files of a tree: what each holds, by its path.
type snapshot map[string]string

// ownState are files that a build tool keeps for itself. CMake tries link-time optimisation whenever it
// configures ninja, and gcc's objects of that are not the same twice.
//
// meson-private has what Meson pickles, and intro-tests.json lists sets: both are not the same twice.
var ownState = []string{"meson-private", "intro-tests.json", "_CMakeLTOTest-C", "_CMakeLTOTest-CXX", ".replibuild", ".ninja_log", ".ninja_deps", ".ninja_lock", "meson-logs", "Testing", "__pycache__", "replibuild.toml"}

// look reads a tree.
func look(root string) (snapshot, error) {
	s := make(snapshot)
	err := filepath.WalkDir(root, func(file string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if slices.Contains(ownState, d.Name()) {
			if d.IsDir() {
				return filepath.SkipDir
			}
			return nil
		}
		rel, err := filepath.Rel(root, file)
		if err != nil {
			return err
		}
		content, err := describe(file, d)
		if content != "" {
			s[rel] = content
		}
		return err
	})
	return s, err
}

// describe is the permissions and the digest of a file, or the text of a link; "" of anything
// else.
func describe(file string, d fs.DirEntry) (string, error) {
	if d.Type()&fs.ModeSymlink != 0 {
		to, err := os.Readlink(file)
		return "link to " + to, err
	}
	if !d.Type().IsRegular() {
		return "", nil
	}
	f, err := os.Open(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	_, err = io.Copy(h, f)
	return fmt.Sprintf("%v %x", info.Mode(), h.Sum(nil)), err
}

// made are the files of s that before does not have, or has otherwise.
func (s snapshot) made(before snapshot) (files []string) {
	for _, file := range slices.Sorted(maps.Keys(s)) {
		if s[file] != before[file] {
			files = append(files, file)
		}
	}
	return files
}

// differ are the files that are not the same in both.
func (s snapshot) differ(other snapshot, ignore []string) []string {
	all := maps.Clone(s)
	maps.Copy(all, other)
	return slices.DeleteFunc(slices.Sorted(maps.Keys(all)), func(file string) bool {
		return s[file] == other[file] || slices.ContainsFunc(ignore, func(pattern string) bool {
			matches, _ := path.Match(pattern, path.Base(file))
			return matches
		})
	})
}

// short is a list for people.
func short(files []string) string {
	const most = 8
	if len(files) > most {
		return strings.Join(files[:most], ", ") + fmt.Sprintf(" and %d more", len(files)-most)
	}
	return strings.Join(files, ", ")
}
