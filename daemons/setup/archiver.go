package setup

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/internal/environment"
	"github.com/RepliBuild/replibuild/ipc"
)

// archiverChain is a toolchain of an archiver alone, for archives of a build.ninja. The error
// says why its archives cannot be told from their members: it is a script, or it writes times
// and owners of the members into the archive.
func (p *prober) archiverChain(ctx context.Context, w watcher, name string) (ipc.Toolchain, error) {
	key := strings.Join(append([]string{"archiver", name}, environment.ForPlan(p.env)...), "\x00")
	if t, ok := p.known(key, w); ok {
		return t.Toolchain, nil
	}
	own := w.with(newDeps())
	t, err := p.askArchiver(ctx, own, name)
	w.deps.add(own.deps)
	if err == nil {
		p.keep(key, probed{Toolchain: t}, own.deps, saysAnywhere(p.env, name))
	}
	return t, err
}

func (p *prober) askArchiver(ctx context.Context, w watcher, name string) (t ipc.Toolchain, err error) {
	t.AR = w.findProgram(p.root, name, p.env)
	if t.AR == "" {
		return t, fmt.Errorf("there is no archiver %s", name)
	}
	if t.Programs = ownPrograms([]string{t.AR}, probed{}, nil); !slices.Contains(t.Programs, realPath(t.AR)) {
		return t, fmt.Errorf("%s is a script, which may do anything", t.AR)
	}
	if t.Identity, err = p.identify(w, []string{t.AR}, nil, nil); err != nil {
		return t, err
	}
	return t, p.tryArchiver(ctx, t.AR)
}

// tryArchiver makes an archive and looks whether the member's time and owner are in it. Which
// of the two an archiver does without being told was decided when it was built.
func (p *prober) tryArchiver(ctx context.Context, archiver string) error {
	dir, err := os.MkdirTemp("", "replibuild-ar-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	member, archive := filepath.Join(dir, "member"), filepath.Join(dir, "archive.a")
	if err := os.WriteFile(member, []byte("content\n"), 0o600); err != nil {
		return err
	}
	if _, _, err := ask(ctx, dir, p.env, archiver, "qcs", archive, member); err != nil {
		return fmt.Errorf("%s qcs: %w", archiver, err)
	}
	made, err := os.ReadFile(archive)
	if err != nil {
		return err
	}
	if !plainHeader(made, "member") {
		return fmt.Errorf("%s writes times and owners into archives", archiver)
	}
	return nil
}

// plainHeader reports whether the header of a member has 0 for its time and its owner. A
// header has 60 bytes: the name in 16, then the time in 12, the user and the group in 6 each.
func plainHeader(archive []byte, member string) bool {
	at := bytes.Index(archive, []byte(member+"/"))
	if at < 0 || len(archive) < at+40 {
		return false
	}
	return slices.Equal(strings.Fields(string(archive[at+16:at+40])), []string{"0", "0", "0"})
}
