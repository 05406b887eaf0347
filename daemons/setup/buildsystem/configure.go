package buildsystem

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/internal/filelock"
	"github.com/RepliBuild/replibuild/internal/pause"
	"github.com/RepliBuild/replibuild/ipc"
)

// Configure makes the build folder ready for a build by its build.ninja, and does nothing
// if it is. exe is our program; the build system gets it by the name ninja. say is called
// with a line before the build system starts, and with what users should know afterwards. For make there is nothing to configure.
//
// A build system that fails is a [ipc.CodeBuildFailed]; its messages are on the caller's
// streams.
func Configure(ctx context.Context, b *setup.BuildSystem, c Caller, exe string, say func(string)) error {
	switch b.System {
	case setup.SystemMake:
		return nil
	case setup.SystemNinja:
		return checkManifest(b)
	}
	if why, _ := need(b); why == "" {
		return linkNinja(b, exe)
	}
	if err := os.MkdirAll(filepath.Dir(stateFile(b, "configure.json")), 0o777); err != nil {
		return ipc.Errorf(ipc.CodeConfig, "cannot make the build folder: %v", err).WithHint("set [build] build_dir to a folder that you can write to")
	}
	lock, err := acquire(ctx, b, say)
	if err != nil {
		return err
	}
	defer lock.Close()
	why, fresh := need(b) // another process may have configured it meanwhile
	if why == "" {
		return linkNinja(b, exe)
	}
	err = configure(ctx, b, c, exe, fresh, func() { say(fmt.Sprintf("🔧 Configuring %s by %s: %s", b.BuildDir, b.System, why)) })
	if err == nil {
		tellLauncher(b, say)
	}
	return err
}

// Configured reports whether [Configure] would do nothing.
func Configured(b *setup.BuildSystem, exe string) bool {
	switch b.System {
	case setup.SystemMake:
		return true
	case setup.SystemNinja:
		return hasManifest(b)
	}
	link, err := os.Readlink(ninjaLink(b))
	why, _ := need(b)
	return why == "" && err == nil && link == exe
}

func checkManifest(b *setup.BuildSystem) error {
	if hasManifest(b) {
		return nil
	}
	return ipc.Errorf(ipc.CodeConfig, "there is no build.ninja in %s", b.BuildDir).
		WithHint("[build] build_dir names its folder; if CMake or Meson makes it, set system to cmake or meson")
}

func hasManifest(b *setup.BuildSystem) bool {
	info, err := os.Stat(filepath.Join(b.BuildDir, "build.ninja"))
	return err == nil && info.Mode().IsRegular()
}

// need says why a folder must be configured, "" if it need not be, and whether its
// settings must be removed first.
func need(b *setup.BuildSystem) (why string, fresh bool) {
	r, known := readRecord(b)
	switch {
	case !known && hasManifest(b):
		return "[build] names it for the first time", false
	case !known:
		return "it has no build.ninja yet", false
	case r.Outcome == outcomeBegun:
		return "the last time did not come to an end", true
	case r.Key != keyOf(b):
		return "[build] has changed", true
	case r.Outcome != outcomeDone:
		return "the last time failed", false
	case !hasManifest(b):
		return "its build.ninja is gone", false
	}
	return "", false
}

// acquire takes the lock under which a folder is configured. It waits until ctx ends.
func acquire(ctx context.Context, b *setup.BuildSystem, say func(string)) (*os.File, error) {
	f, err := os.OpenFile(stateFile(b, "configure.lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, ipc.Errorf(ipc.CodeConfig, "cannot write to the build folder: %v", err).WithHint("set [build] build_dir to a folder that you can write to")
	}
	for told := false; ; told = true {
		err := filelock.Exclusive(f)
		if err == nil {
			return f, nil
		}
		if errors.Is(err, filelock.ErrLocked) {
			if !told {
				say("⏳ Waiting: another process configures " + b.BuildDir)
			}
			err = pause.For(ctx, 50*time.Millisecond)
		}
		if err != nil {
			f.Close()
			return nil, err
		}
	}
}

func configure(ctx context.Context, b *setup.BuildSystem, c Caller, exe string, fresh bool, begin func()) error {
	if !fresh {
		if err := checkForeign(b); err != nil {
			return err
		}
	}
	begin()
	r := record{Key: keyOf(b), Outcome: outcomeBegun}
	if err := r.write(b); err != nil {
		return ipc.Errorf(ipc.CodeConfig, "cannot write to the build folder: %v", err)
	}
	if fresh {
		if err := forget(b); err != nil {
			return ipc.Errorf(ipc.CodeConfig, "cannot remove the settings of %s: %v", b.BuildDir, err).WithHint("remove the folder: rm -r %s", b.BuildDir)
		}
	}
	if err := linkNinja(b, exe); err != nil {
		return err
	}
	err := c.configure(ctx, b, arguments(b))
	if ctx.Err() != nil {
		return ctx.Err() // the record says that it did not come to an end
	}
	if err == nil && !hasManifest(b) {
		err = ipc.Errorf(ipc.CodeBuildFailed, "%s left no build.ninja in %s", b.System, b.BuildDir)
	}
	r.Outcome = outcomeDone
	if err != nil {
		r.Outcome = outcomeFailed
	}
	return errors.Join(err, r.write(b))
}

// arguments are those of the build system's program for configuring.
func arguments(b *setup.BuildSystem) []string {
	if b.System == setup.SystemCMake {
		args := []string{"-G", "Ninja", "-S", b.SourceDir, "-B", b.BuildDir}
		if _, err := os.Stat(ninjaLink(b)); err == nil {
			args = append(args, "-DCMAKE_MAKE_PROGRAM="+filepath.ToSlash(ninjaLink(b)))
		}
		return append(args, b.Options...)
	}
	args := []string{"setup"}
	if _, err := os.Stat(filepath.Join(b.BuildDir, "meson-private", "coredata.dat")); err == nil {
		args = append(args, "--reconfigure")
	}
	return append(append(args, b.Options...), b.BuildDir, b.SourceDir)
}

// ninjaLink is our program by the name ninja, for CMake and Meson. It lies in the build
// folder, so that `cmake --build` and an IDE find it at any time.
func ninjaLink(b *setup.BuildSystem) string {
	return filepath.Join(b.BuildDir, ".replibuild", "bin", "ninja")
}

// linkNinja makes the link, and renews it when our program has moved. Windows has no links
// for everybody: there the build system finds a ninja itself.
func linkNinja(b *setup.BuildSystem, exe string) error {
	link := ninjaLink(b)
	if now, err := os.Readlink(link); err == nil && now == exe || runtime.GOOS == "windows" {
		return nil
	}
	err := os.MkdirAll(filepath.Dir(link), 0o777)
	if err == nil {
		os.Remove(link)
		err = os.Symlink(exe, link)
	}
	if err != nil && !errors.Is(err, os.ErrExist) { // another process made it just now
		return ipc.Errorf(ipc.CodeConfig, "cannot write to the build folder: %v", err)
	}
	return nil
}
