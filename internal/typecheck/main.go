// Typecheck type-checks the module, its tests too, for other systems than this one:
//
//	go run ./internal/typecheck darwin windows
//
// It prints each error with its place and exits with 1 when there is one. Go vet does this and
// more, but it compiles the standard library and each dependency for each system first: 120 s
// of CPU a system on a machine whose build cache is empty, where this takes some 20 s.
package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/tools/go/packages"
)

func main() {
	failed := false
	for _, system := range os.Args[1:] {
		found, err := check(system)
		if err != nil {
			fmt.Fprintf(os.Stderr, "typecheck: %s: %v\n", system, err)
			failed = true
		}
		for _, e := range found {
			fmt.Fprintf(os.Stderr, "%s: %v\n", system, e)
			failed = true
		}
	}
	if failed {
		os.Exit(1)
	}
}

// check is the errors of the module in the working directory when it is built for one system.
func check(system string) ([]packages.Error, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	pkgs, err := packages.Load(&packages.Config{
		Mode:  packages.LoadAllSyntax,
		Env:   append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0"),
		Tests: true,
		ParseFile: func(fset *token.FileSet, name string, src []byte) (*ast.File, error) {
			return parse(fset, root, name, src)
		},
	}, "./...")
	if err != nil {
		return nil, err
	}
	var found []packages.Error
	for _, p := range pkgs {
		if !strings.HasSuffix(p.ID, ".test") { // the main package that go test makes
			found = append(found, p.Errors...)
		}
	}
	return found, nil
}

// parse reads a file of the module whole, and only the declarations of any other file: the
// bodies of a dependency's functions cannot make the module wrong.
func parse(fset *token.FileSet, root, name string, src []byte) (*ast.File, error) {
	file, err := parser.ParseFile(fset, name, src, parser.SkipObjectResolution)
	if file == nil || strings.HasPrefix(name, root+string(filepath.Separator)) {
		return file, err
	}
	for _, decl := range file.Decls {
		if f, ok := decl.(*ast.FuncDecl); ok {
			f.Body = nil
		}
	}
	return file, err
}
