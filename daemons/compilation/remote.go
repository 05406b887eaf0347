package compilation

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/RepliBuild/replibuild/internal/atomicfile"
	"github.com/RepliBuild/replibuild/internal/rootid"
	"github.com/RepliBuild/replibuild/ipc"
	"github.com/RepliBuild/replibuild/remotecache"
)

// openRemote is the server that counts now, nil if there is none. A new build has a new
// budget of lost time.
func (p *tiers) openRemote(build string) *remoteTier {
	if p.s.cfg.Remote == nil || p.remoteOff() != "" {
		return nil
	}
	c := p.s.cfg.Remote()
	client := p.remotes.Use(c, remotecache.Options{Notify: p.s.warn, Log: p.s.log})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.remote != nil && p.remote.client != client {
		p.remote.remove()
		p.remote = nil
	}
	if client == nil {
		return nil
	}
	if p.remote == nil {
		dir, err := os.MkdirTemp("", "replibuild-remote-")
		if err != nil {
			p.s.log.Warn("the remote cache is not used", "error", err)
			return nil
		}
		p.remote = newRemoteTier(client, c.Upload, uploadOrigin(p.s.cfg.CI), dir, p.s.store)
	}
	if build != "" {
		client.BeginBuild()
		p.remote.begin()
	}
	return p.remote
}

// uploadOrigin is what others are told of who made a result.
func uploadOrigin(ci bool) string {
	if ci {
		return "uploaded by CI"
	}
	return "uploaded by a developer"
}

// RemoteStats are the numbers of a server.
func RemoteStats(h remotecache.Health) ipc.TierStats {
	return ipc.TierStats{
		Name: ipc.TierRemote, Place: h.URL, Hits: h.Hits, Misses: h.Misses, Stored: h.Stored,
		State: h.State, Why: h.Why, MayWrite: h.MayWrite, WhyNot: h.WhyNot, Latency: h.Latency.Seconds(), LostSeconds: h.LostTime.Seconds(),
		Queue: h.QueueLength, QueueBytes: h.QueueBytes, FetchedBytes: h.FetchedBytes, StoredBytes: h.StoredBytes,
	}
}

// offFile is the file beside the state whose text says why the server is not used any more.
func (p *tiers) offFile() string {
	if p.s.cfg.StateFile == "" {
		return ""
	}
	return filepath.Join(filepath.Dir(p.s.cfg.StateFile), "remote-off")
}

// remoteOff says why the server was turned off for the project, "" if it was not. Deleting the
// file turns it on again.
func (p *tiers) remoteOff() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.off != "" {
		return p.off
	}
	text, _ := os.ReadFile(p.offFile()) // mostly there is none
	return strings.TrimSpace(string(text))
}

// turnRemoteOff has the project use its server no more, also after a restart: two compiles
// here have agreed with each other and not with what it gave.
func (p *tiers) turnRemoteOff(why string) {
	p.mu.Lock()
	p.off, p.last = why, tiersOfBuild{}
	if p.remote != nil {
		p.remote.remove()
		p.remote = nil
	}
	p.mu.Unlock()
	p.remotes.Use(remotecache.Config{}, remotecache.Options{})
	if err := p.writeOff(why); err != nil {
		p.s.log.Warn("the remote cache is off until the daemon ends only", "error", err)
	}
}

// writeOff has the file say so, whose folder may not be there before the first state is saved.
// Without a file, as in tests, p.off goes on saying it.
func (p *tiers) writeOff(why string) error {
	file := p.offFile()
	if file == "" {
		return nil
	}
	if err := rootid.MakeFolder(filepath.Dir(file)); err != nil {
		return err
	}
	if err := atomicfile.Write(file, []byte(why+"\n")); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.off = ""
	return nil
}

// warn tells what the next build, and who listens now, should know.
func (s *Service) warn(text string) {
	s.auditor.mu.Lock()
	defer s.auditor.mu.Unlock()
	s.auditor.announce(ipc.Notice{Level: "warning", Code: ipc.CodeUnavailable, Message: text})
}
