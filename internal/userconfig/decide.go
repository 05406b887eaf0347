package userconfig

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/RepliBuild/replibuild/remotecache"
)

// WhyNone is what Decide says of a project for which nothing names a server.
const WhyNone = "no remote cache is configured"

// Decide says which remote cache the project at root (absolute, symlinks resolved) may use,
// and in words why: what turned it off, or what is allowed. A Config without a URL means
// none. project is what the project's own file wishes, nil if it wishes nothing; ci says that
// this build runs in CI. What the project wishes counts only as far as the user's file c
// allows it; what is secret or trusted comes from the user's file alone.
func Decide(project *remotecache.Project, c Config, root string, ci bool) (remotecache.Config, string) {
	if project == nil || project.Cache == "" {
		return c.defaultRemote(project, root, ci)
	}
	origin, err := remotecache.Origin(project.Cache)
	if err != nil {
		return remotecache.Config{}, "remote.cache: " + err.Error()
	}
	for _, r := range c.Remotes {
		switch {
		case r.URL != origin:
		case !r.allows(root):
			return remotecache.Config{}, fmt.Sprintf("%s is named by the project, and config.toml does not allow it for %s: add the folder to projects of [remotes.%q]", origin, root, r.URL)
		default:
			return r.config(*project, ci)
		}
	}
	return remotecache.Config{}, fmt.Sprintf("%s is named by the project, and config.toml does not allow it: write [remotes.%q] with projects = [%q]", origin, origin, root)
}

// WhyNoFarm is what DecideFarm says of a project for which nothing names a server.
const WhyNoFarm = "no build farm is configured"

// DecideFarm is Decide for the server that executes commands: the user's file must allow it for
// the project with execute = true.
func DecideFarm(project *remotecache.Project, c Config, root string) (remotecache.Farm, string) {
	if project == nil || project.Execute == "" {
		return remotecache.Farm{}, WhyNoFarm
	}
	origin, err := remotecache.Origin(project.Execute)
	if err != nil {
		return remotecache.Farm{}, "remote.execute: " + err.Error()
	}
	i := slices.IndexFunc(c.Remotes, func(r Remote) bool { return r.URL == origin })
	if i < 0 || !c.Remotes[i].allows(root) {
		return remotecache.Farm{}, fmt.Sprintf("%s is named by the project, and config.toml does not allow it: write [remotes.%q] with projects = [%q] and execute = true", origin, origin, root)
	}
	r := c.Remotes[i]
	if !r.Execute {
		return remotecache.Farm{}, fmt.Sprintf("config.toml does not allow commands there: write execute = true in [remotes.%q]", r.URL)
	}
	wish := *project
	wish.Cache, wish.Upload = project.Execute, remotecache.UploadNever
	f := remotecache.Farm{
		Toolchain: cmp.Or(project.Toolchain, remotecache.ToolchainShipped),
		Platform:  project.Platform, Jobs: cmp.Or(project.Jobs, remotecache.DefaultJobs),
	}
	f.Config, _ = r.config(wish, false)
	f.Config.Execute = true
	return f, fmt.Sprintf("up to %d commands at a time, toolchain = %q", f.Jobs, f.Toolchain)
}

// defaultRemote serves projects that name no remote of their own.
func (c Config) defaultRemote(project *remotecache.Project, root string, ci bool) (remotecache.Config, string) {
	for _, r := range c.Remotes {
		if r.Default && r.allows(root) {
			wish := remotecache.Project{Cache: r.URL, Instance: r.Instance}
			if project != nil {
				wish = *project
				wish.Cache = r.URL
			}
			return r.config(wish, ci)
		}
	}
	return remotecache.Config{}, WhyNone
}

// allows reports whether the project at root may use the remote.
func (r Remote) allows(root string) bool {
	for _, p := range r.Projects {
		if p == "*" || beneath(root, p) {
			return true
		}
	}
	return false
}

// beneath reports whether path is folder or lies in it. The folder is compared as it is
// written and with its symlinks resolved.
func beneath(path, folder string) bool {
	in := func(folder string) bool {
		rel, err := filepath.Rel(folder, path)
		return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
	}
	if in(folder) {
		return true
	}
	real, err := filepath.EvalSymlinks(folder)
	return err == nil && in(real)
}

func (r Remote) config(p remotecache.Project, ci bool) (remotecache.Config, string) {
	wants := p.Upload == remotecache.UploadAlways || p.Upload != remotecache.UploadNever && ci
	c := remotecache.Config{
		URL: p.Cache, Instance: p.Instance, Upload: wants && r.Upload, Timeout: p.Timeout, MaxBlob: p.MaxBlob,
		Compression: p.Compression, Headers: r.Headers, TLSCA: r.TLSCA, TLSCert: r.TLSCert, TLSKey: r.TLSKey,
	}
	switch {
	case c.Upload:
		return c, "read and write"
	case wants:
		return c, fmt.Sprintf("read only: config.toml has no upload = true in [remotes.%q]", r.URL)
	case p.Upload == remotecache.UploadNever:
		return c, `read only: the project says upload = "never"`
	}
	return c, `read only: uploads are for CI (upload = "ci")`
}
