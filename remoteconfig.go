package replibuild

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	"github.com/RepliBuild/replibuild/daemons/compilation"
	"github.com/RepliBuild/replibuild/daemons/setup"
	"github.com/RepliBuild/replibuild/internal/userconfig"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// RemoteCache says which remote cache this project may use, and in words why. A Config
// without a URL means none. Both files are read anew, so a change takes effect at the next
// build. A mistake in the user's file turns the remote cache off.
// The Config may hold credentials.
func (p *Project) RemoteCache() (remotecache.Config, string) {
	user, err := userconfig.Load(p.paths.Home)
	if err != nil {
		return remotecache.Config{}, err.Error()
	}
	root := p.describedIn()
	return userconfig.Decide(setup.ReadRemote(root), user, root, p.InCI())
}

// NoRemoteCache is why a project has no remote cache that none was named for.
const NoRemoteCache = userconfig.WhyNone

// CheckRemote asks the remote cache of this project for what it can do. Without one, stats has no
// Place. why is that of [Project.RemoteCache].
func (p *Project) CheckRemote(ctx context.Context) (stats ipc.TierStats, why string) {
	c, why := p.RemoteCache()
	if c.URL == "" {
		return ipc.TierStats{}, why
	}
	client := remotecache.New(c, remotecache.Options{})
	defer client.Close()
	return compilation.RemoteStats(client.Check(ctx)), why
}

// Farm says which server may execute commands of this project, and in words why, as
// [Project.RemoteCache] does.
func (p *Project) Farm() (remotecache.Farm, string) {
	user, err := userconfig.Load(p.paths.Home)
	if err != nil {
		return remotecache.Farm{}, err.Error()
	}
	root := p.describedIn()
	return userconfig.DecideFarm(setup.ReadRemote(root), user, root)
}

// NoFarm is why no server executes commands of a project that names none.
const NoFarm = userconfig.WhyNoFarm

// CheckFarm is [Project.CheckRemote] for the server that executes commands.
func (p *Project) CheckFarm(ctx context.Context) (stats ipc.TierStats, why string) {
	f, why := p.Farm()
	if f.URL == "" {
		return ipc.TierStats{}, why
	}
	client := remotecache.New(f.Config, remotecache.Options{})
	defer client.Close()
	return compilation.FarmStats(client.Check(ctx)), why
}

// describedIn is the folder with the replibuild.toml that describes this project: its own,
// and for a build folder the one whose [build] names it, if that lies above.
func (p *Project) describedIn() string {
	own := p.paths.Root
	if _, err := os.Stat(filepath.Join(own, "replibuild.toml")); err == nil {
		return own
	}
	for dir := filepath.Dir(own); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if b, _ := setup.ReadBuildSystem(dir, p.env); b != nil {
			if b.BuildDir == own {
				return dir
			}
			break
		}
	}
	return own
}

// withUserFile adds what concerns the user's own file to a reply about a project's.
func (p *Project) withUserFile(r ipc.ValidateReply) ipc.ValidateReply {
	path := userconfig.Path(p.paths.Home)
	if _, err := os.Lstat(path); err == nil {
		r.Files = append(r.Files, path)
	}
	_, err := userconfig.Load(p.paths.Home)
	var e *ipc.Error
	if errors.As(err, &e) {
		r.Problems = append(r.Problems, e.Problems...)
	}
	return r
}
