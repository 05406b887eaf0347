package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// subject is a project that is built.
type subject struct {
	name string
	real string // folder in -real and in examples/, "" for a generated one
	make func(dir string) error
}

func subjects() []subject {
	generated := func(name string, s shape) subject {
		return subject{name: name, make: func(dir string) error { return generateTree(dir, s) }}
	}
	return []subject{
		{name: "leveldb", real: "leveldb"},
		{name: "fmt", real: "fmt"},
		{name: "yaml-cpp", real: "yaml-cpp"},
		{name: "googletest", real: "googletest"},
		generated("gen40", shape{40, 20}),
		generated("gen1000", shape{1000, 200}),
		generated("gen10000", shape{10000, 2000}),
		{name: "nine", make: generateNine},
		{name: "protobuf", real: "protobuf"},
		{name: graph10000, make: generateGraph},
	}
}

func subjectNamed(name string) (subject, error) {
	for _, s := range subjects() {
		if s.name == name {
			return s, nil
		}
	}
	return subject{}, fmt.Errorf("there is no project %q; -list names them", name)
}

// source writes the subject into dir. Real projects get the files that examples/
// has for them, and are built as the speed table says: -O0 -g.
func (s subject) source(dir, real string) error {
	if s.real == "" {
		return s.make(dir)
	}
	if err := os.CopyFS(dir, os.DirFS(filepath.Join(real, s.real))); err != nil {
		return err
	}
	w := &treeWriter{dir: dir}
	files, err := filepath.Glob(filepath.Join("examples", s.real, "*"))
	if err != nil {
		return err
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		name := filepath.Base(f)
		if name == "replibuild.toml" {
			text = []byte(strings.Replace(string(text), `optimization = "2"`, "optimization = \"0\"\ndebug = true", 1))
		}
		if name != "README.md" && name != "tests.toml" {
			w.write(name, string(text))
		}
	}
	return w.err
}

// generateNine writes the project of the row "edit9": one file of nine standard
// headers, whose front end is nearly all of its cost.
func generateNine(dir string) error {
	w := &treeWriter{dir: dir}
	w.write("replibuild.toml", "[project]\nname = \"nine\"\n\n[compilation]\noptimization = \"0\"\ndebug = true\n")
	w.write("src/main.cpp", `#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <unordered_map>
#include <vector>

int main() {
  std::map<std::string, int> counts{{"one", 1}, {"two", 2}};
  std::vector<int> values;
  for (const auto& [name, n] : counts) values.push_back(n);
  std::sort(values.begin(), values.end(), std::greater<int>());
  std::cout << values.front() << '\n';
}
`)
	return w.err
}
