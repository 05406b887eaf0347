package preload

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// prebuilt has what [Prebuild] made before the program was built: the object and the second
// observer, under a hash of their source and flags. A program that was built without it
// builds them on the machine where it runs.
//
//go:embed prebuilt
var prebuilt embed.FS

// prebuiltFolder is the folder of prebuilt.
const prebuiltFolder = "prebuilt"

// Prebuild builds the object and the second observer for the programs of this machine into a
// folder, to be embedded as prebuilt, and removes what was there for another source.
func Prebuild(ctx context.Context, dir string, env []string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	b := Builder{Dir: dir, Env: env}
	kind, _, err := b.kindFor("/bin/sh")
	if err != nil {
		return err
	}
	id, err := prebuiltID(kind)
	if err != nil {
		return err
	}
	name := filepath.Join(dir, id)
	if _, err := os.Stat(name + objectEnding); err == nil {
		return nil
	}
	for _, ending := range []string{objectEnding, observerEnding, clientEnding} {
		old, _ := filepath.Glob(filepath.Join(dir, "*"+ending))
		for _, file := range old {
			if err := os.Remove(file); err != nil {
				return err
			}
		}
	}
	for _, cc := range b.compilers() {
		if err = b.compile(ctx, cc, kind, name); err == nil {
			return nil
		}
	}
	return errors.Join(errors.New("build the tracer: no C compiler can"), err)
}

// prebuiltID names what is built from the source of now for a kind of programs.
func prebuiltID(kind binaryKind) (string, error) {
	h := sha256.New()
	fmt.Fprintln(h, flags, observerFlags, kind)
	err := hashSource(h)
	return hex.EncodeToString(h.Sum(nil)[:16]), err
}

// unpacked returns the object that the program brings along for a kind of executables, put
// into the builder's folder. The error says that it brings none. Whether the object works
// with the C library of this machine is seen when it is tried.
func (b Builder) unpacked(kind binaryKind) (Library, error) {
	id, err := prebuiltID(kind)
	if err != nil {
		return Library{}, err
	}
	brought := b.brought
	if brought == nil {
		brought = prebuilt
	}
	object, err := fs.ReadFile(brought, prebuiltFolder+"/"+id+objectEnding)
	if err != nil {
		return Library{}, err
	}
	name, err := filepath.Abs(filepath.Join(b.Dir, id))
	if err != nil {
		return Library{}, err
	}
	lib := Library{Path: name + objectEnding, loader: kind.loader}
	if observer, err := fs.ReadFile(brought, prebuiltFolder+"/"+id+observerEnding); err == nil {
		lib.Observer = name + observerEnding
		if err := unpack(observer, lib.Observer); err != nil {
			return Library{}, err
		}
	}
	if client, err := fs.ReadFile(brought, prebuiltFolder+"/"+id+clientEnding); err == nil {
		if err := unpack(client, name+clientEnding); err != nil {
			return Library{}, err
		}
	}
	return lib, unpack(object, lib.Path)
}

// unpack writes an executable file unless it is there; see [Builder.compile] for why a file
// that is there stays.
func unpack(text []byte, to string) error {
	if info, err := os.Stat(to); err == nil && info.Size() == int64(len(text)) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(to), "unpack-")
	if err != nil {
		return fmt.Errorf("unpack the tracer: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(0o700), f.Close()); err != nil {
		return fmt.Errorf("unpack the tracer: %w", err)
	}
	return moveThere(f.Name(), to)
}
