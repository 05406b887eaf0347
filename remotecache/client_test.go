package remotecache

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// fakeProgram stands for replibuild-remote and the server behind it.
type fakeProgram struct {
	// answer answers a request; it runs in a goroutine of its own. nil = no answer.
	answer  func(remotewire.Request) *remotewire.Reply
	mu      sync.Mutex // guards answer
	starts  atomic.Int32
	lookups atomic.Int32
	running atomic.Int32 // look-ups at the moment
	most    atomic.Int32
	last    atomic.Pointer[net.Conn]
	work    sync.WaitGroup // its goroutines
}

func (p *fakeProgram) start() (io.ReadWriteCloser, error) {
	p.starts.Add(1)
	here, there := net.Pipe()
	p.last.Store(&there)
	p.work.Go(func() { p.serve(there) })
	return here, nil
}

// set changes the answers from now on.
func (p *fakeProgram) set(answer func(remotewire.Request) *remotewire.Reply) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// die ends the program that was started last.
func (p *fakeProgram) die() { (*p.last.Load()).Close() }

func (p *fakeProgram) serve(pipe net.Conn) {
	var writing sync.Mutex
	r, w := bufio.NewReader(pipe), bufio.NewWriter(pipe)
	for {
		var q remotewire.Request
		if _, err := remotewire.ReadFrame(r, &q); err != nil {
			return
		}
		p.work.Go(func() {
			if q.Op == remotewire.OpLookup {
				p.lookups.Add(1)
				now := p.running.Add(1)
				for most := p.most.Load(); now > most && !p.most.CompareAndSwap(most, now); most = p.most.Load() {
				}
			}
			p.mu.Lock()
			answer := p.answer
			p.mu.Unlock()
			reply := answer(q)
			if q.Op == remotewire.OpLookup {
				p.running.Add(-1)
			}
			if reply == nil {
				return
			}
			reply.ID = q.ID
			writing.Lock()
			defer writing.Unlock()
			_ = remotewire.WriteFrame(w, reply, nil) // the client may have gone
		})
	}
}

// within makes a server of which every answer takes a time.
func within(takes time.Duration, reply remotewire.Reply) func(remotewire.Request) *remotewire.Reply {
	return func(q remotewire.Request) *remotewire.Reply {
		if q.Op == remotewire.OpOpen {
			return &remotewire.Reply{Capabilities: &remotewire.Capabilities{Update: true}}
		}
		time.Sleep(min(takes, q.Timeout))
		r := reply
		if takes > q.Timeout {
			r = remotewire.Reply{Fault: &remotewire.Fault{Cause: remotewire.CauseTimeout, Text: "no answer in time"}}
		}
		return &r
	}
}

// told is a client and what it said.
type told struct {
	*Client
	mu   sync.Mutex
	said []string
}

func newTold(p *fakeProgram) *told {
	c := &told{}
	c.Client = New(Config{URL: "grpc://h:1", Upload: true, MaxBlob: 1 << 40}, Options{Start: p.start, Notify: func(text string) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.said = append(c.said, text)
	}})
	return c
}

// notices returns what was said since the last call.
func (c *told) notices() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	said := c.said
	c.said = nil
	return said
}

// wave looks keys up as a build does that can do nothing else meanwhile.
func wave(t *testing.T, c *Client, keys []Key) []*Value {
	t.Helper()
	end := c.Waits()
	found := c.Lookup(t.Context(), keys)
	end(countFound(found) > 0)
	return found
}

func manyKeys(n int) []Key {
	keys := make([]Key, n)
	for i := range keys {
		keys[i][0], keys[i][1] = byte(i), byte(i>>8)
	}
	return keys
}

func countFound(values []*Value) (n int) {
	for _, v := range values {
		if v != nil {
			n++
		}
	}
	return n
}

var hit = remotewire.Reply{Found: true, Files: []remotewire.File{{Name: "a.o", Size: 3}}}

func TestOneWaveHasManyInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProgram{answer: within(20*time.Millisecond, hit)}
		c := newTold(p)
		defer p.work.Wait()
		defer c.Close()
		start := time.Now()
		if n := countFound(wave(t, c.Client, manyKeys(1000))); n != 1000 {
			t.Errorf("%d of 1000 found", n)
		}
		if took, most := time.Since(start), p.most.Load(); took > 220*time.Millisecond || most < 64 || most > inFlight {
			t.Errorf("took %v with %d in flight", took, most)
		}
		if h := c.Health(); h.Hits != 1000 || h.LostTime != 0 || len(c.notices()) != 0 {
			t.Errorf("%+v", h)
		}
	})
}

// A server that hangs costs one deadline. It is tried again in the background, and is used
// again when it answers.
func TestHungServer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var healthy atomic.Bool
		hung, well := within(time.Hour, hit), within(time.Millisecond, hit)
		p := &fakeProgram{}
		p.answer = func(q remotewire.Request) *remotewire.Reply {
			if healthy.Load() {
				return well(q)
			}
			return hung(q)
		}
		c := newTold(p)
		defer p.work.Wait()
		defer c.Close()
		start := time.Now()
		wave(t, c.Client, manyKeys(1000))
		if took := time.Since(start); took != DefaultTimeout || p.lookups.Load() > inFlight {
			t.Errorf("the first wave took %v and %d look-ups", took, p.lookups.Load())
		}
		said := c.notices()
		if len(said) != 1 || !strings.Contains(said[0], "it does not answer in time") || c.Health().State != StateOff {
			t.Errorf("said %q, %+v", said, c.Health())
		}
		for range 20 { // ten minutes of build
			time.Sleep(pause)
			before := time.Now()
			wave(t, c.Client, manyKeys(1000))
			if took := time.Since(before); took != 0 {
				t.Errorf("a wave took %v while the server was off", took)
			}
		}
		if lost := c.Health().LostTime; lost != DefaultTimeout || len(c.notices()) != 0 {
			t.Errorf("lost %v", lost)
		}
		c.BeginBuild()
		wave(t, c.Client, manyKeys(1))
		if said := c.notices(); len(said) != 1 {
			t.Errorf("the second build was told %q", said)
		}
		healthy.Store(true)
		time.Sleep(pause)
		wave(t, c.Client, manyKeys(1)) // begins the attempt
		time.Sleep(time.Second)
		if n := countFound(wave(t, c.Client, manyKeys(10))); n != 10 || c.Health().State != StateOn {
			t.Errorf("%d of 10 found, %+v", n, c.Health())
		}
	})
}

// A connection that takes long is waited for once.
func TestSlowConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProgram{}
		p.answer = func(q remotewire.Request) *remotewire.Reply {
			if q.Op == remotewire.OpOpen {
				time.Sleep(time.Second)
			}
			return within(0, hit)(q)
		}
		c := newTold(p)
		defer p.work.Wait()
		defer c.Close()
		start := time.Now()
		for range 3 {
			wave(t, c.Client, manyKeys(500))
		}
		if took := time.Since(start); took != DefaultTimeout || c.Health().State != StateConnecting {
			t.Errorf("took %v, %+v", took, c.Health())
		}
		c.Store(Key{}, Value{}, nil) // waits in the background
		if err := c.Wait(t.Context()); err != nil || c.Health().Stored != 1 {
			t.Errorf("%v, %+v", err, c.Health())
		}
		if n := countFound(wave(t, c.Client, manyKeys(2))); n != 2 || len(c.notices()) != 0 {
			t.Errorf("%d of 2 found", n)
		}
	})
}

// A server that is slow and has nothing costs at most the budget, and one that has something
// is used as long as it has.
func TestBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProgram{answer: within(200*time.Millisecond, remotewire.Reply{})}
		c := newTold(p)
		defer p.work.Wait()
		defer c.Close()
		start := time.Now()
		for range 1000 { // a build of 1,000 steps of 100 ms
			wave(t, c.Client, manyKeys(4))
			time.Sleep(100 * time.Millisecond)
		}
		took := time.Since(start)
		if extra := took - 100*time.Second; extra > allowance+took*3/100+200*time.Millisecond || extra != c.Health().LostTime {
			t.Errorf("the build took %v longer, lost %v", extra, c.Health().LostTime)
		}
		if said := c.notices(); len(said) != 1 || !strings.Contains(said[0], "brought nothing in 1.") {
			t.Errorf("said %q", said)
		}
		p.set(within(200*time.Millisecond, hit))
		c.BeginBuild()
		for range 100 {
			if n := countFound(wave(t, c.Client, manyKeys(4))); n != 4 {
				t.Fatalf("%d of 4 found", n)
			}
		}
		if h := c.Health(); h.LostTime != 0 || h.Latency == 0 && h.Hits != 400 {
			t.Errorf("%+v", h)
		}
	})
}

// The program is started once more if it dies, and not again in that build.
func TestProgramDies(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProgram{answer: within(time.Millisecond, hit)}
		c := newTold(p)
		defer p.work.Wait()
		defer c.Close()
		if n := countFound(wave(t, c.Client, manyKeys(1))); n != 1 {
			t.Error("nothing is found")
		}
		p.die()
		synctest.Wait()
		if n := countFound(wave(t, c.Client, manyKeys(200))); n != 200 || p.starts.Load() != 2 {
			t.Errorf("after its death: %d of 200 found, %d starts", n, p.starts.Load())
		}
		answer := p.answer
		p.set(func(remotewire.Request) *remotewire.Reply { p.die(); return nil }) // while it works
		wave(t, c.Client, manyKeys(200))
		wave(t, c.Client, manyKeys(200))
		if said := c.notices(); p.starts.Load() != 2 || len(said) != 1 || !strings.Contains(said[0], "it cannot be asked: replibuild-remote ended twice") {
			t.Errorf("%d starts, said %q", p.starts.Load(), said)
		}
		p.set(answer)
		c.BeginBuild()
		if n := countFound(wave(t, c.Client, manyKeys(2))); n != 2 || p.starts.Load() != 3 {
			t.Errorf("in the next build: %d of 2 found, %d starts", n, p.starts.Load())
		}
	})
}

// A program that does not answer is ended.
func TestProgramHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProgram{}
		p.answer = func(q remotewire.Request) *remotewire.Reply {
			if q.Op == remotewire.OpOpen {
				return within(0, hit)(q)
			}
			return nil
		}
		c := newTold(p)
		defer p.work.Wait()
		defer c.Close()
		start := time.Now()
		for range 3 {
			wave(t, c.Client, manyKeys(500))
		}
		if took := time.Since(start); took > 4*time.Second || p.starts.Load() != 1 {
			t.Errorf("took %v, %d starts", took, p.starts.Load())
		}
		p.set(within(0, hit))
		c.BeginBuild()
		if n := countFound(wave(t, c.Client, manyKeys(2))); n != 2 || p.starts.Load() != 2 {
			t.Errorf("in the next build: %d of 2 found, %d starts", n, p.starts.Load())
		}
	})
}

// A look-up ends with its context.
func TestCancelledLookup(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProgram{answer: within(200*time.Millisecond, hit)}
		c := newTold(p)
		defer p.work.Wait()
		defer c.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		start := time.Now()
		c.Lookup(ctx, manyKeys(1000))
		if took := time.Since(start); took != 50*time.Millisecond || len(c.notices()) != 0 || len(c.Health().Failures) != 0 {
			t.Errorf("took %v, %+v", took, c.Health())
		}
	})
}

// The queue has a bound, a wait for it can be given up, and Close gives up what waits.
func TestQueue(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := &fakeProgram{answer: within(time.Second, remotewire.Reply{})}
		c := newTold(p)
		defer p.work.Wait()
		const large = 1 << 30
		open := func(File) string { return "/a" }
		for i := range 20 {
			c.Store(Key{byte(i)}, Value{Files: []File{{Size: large}}}, open)
		}
		if h := c.Health(); h.QueueBytes != maxQueueBytes || h.Dropped != 20-maxQueueBytes/large {
			t.Errorf("%+v", h)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := c.Wait(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait that is given up: %v", err)
		}
		if err := c.Wait(t.Context()); err != nil || c.Health().Stored != maxQueueBytes/large || c.Health().QueueBytes != 0 {
			t.Errorf("%v, %+v", err, c.Health())
		}
		c.Store(Key{}, Value{Meta: make([]byte, MaxMeta+1)}, nil)
		c.Store(Key{}, Value{Files: []File{{Size: 1<<40 + 1}}}, open)
		c.Store(Key{}, Value{Files: []File{{}}}, func(File) string { return "" }) // evicted meanwhile
		for i := range 20 {
			c.Store(Key{byte(i)}, Value{}, nil)
		}
		c.Close()
		if h := c.Health(); h.Dropped < 12+3+20-uploaders || c.Wait(t.Context()) != nil {
			t.Errorf("after Close: %+v", h)
		}
		c.Store(Key{}, Value{}, nil)
		if countFound(wave(t, c.Client, manyKeys(3))) != 0 || c.Wait(t.Context()) != nil {
			t.Error("a closed client found something")
		}
	})
}

// A blob above the limit makes a value a miss.
func TestMaxBlob(t *testing.T) {
	t.Parallel()
	p := &fakeProgram{answer: within(0, hit)}
	c := New(Config{URL: "grpc://h:1", MaxBlob: 2, Timeout: time.Minute}, Options{Start: p.start})
	defer c.Close()
	if v := wave(t, c, manyKeys(1))[0]; v != nil {
		t.Errorf("found %+v", v)
	}
	if err := c.Fetch(t.Context(), []File{{Size: 3}}, t.TempDir()); err == nil {
		t.Error("a blob above the limit was fetched")
	}
}

func TestContentsNeedNoServer(t *testing.T) {
	t.Parallel()
	c := New(Config{URL: "redis://h:1"}, Options{})
	defer c.Close()
	dir := t.TempDir()
	f := File{Name: "a", Digest: sha256.Sum256([]byte("x")), Size: 1, Contents: []byte("x")}
	if err := c.Fetch(t.Context(), []File{f}, dir); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, f.Hex())); string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
	f.Contents = []byte("y")
	if err := c.Fetch(t.Context(), []File{f}, dir); err == nil {
		t.Error("wrong contents were written")
	}
	f.Contents = nil
	if err := c.Fetch(t.Context(), []File{f}, dir); err == nil {
		t.Error("something was fetched from nowhere")
	}
}

// A program that is missing, or is none.
func TestNoProgram(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{filepath.Join(t.TempDir(), "none"): "is missing: install it beside replibuild", "": "is missing", "/bin/true": "replibuild-remote ended"} {
		var said []string
		c := New(Config{URL: "grpc://h:1", Timeout: time.Minute}, Options{Executable: path, Notify: func(text string) { said = append(said, text) }})
		wave(t, c, manyKeys(1))
		wave(t, c, manyKeys(1))
		c.Close()
		if len(said) != 1 || !strings.Contains(said[0], want) {
			t.Errorf("%q: %q", path, said)
		}
	}
}

func TestNilClient(t *testing.T) {
	t.Parallel()
	var c *Client
	c.BeginBuild()
	c.Store(Key{}, Value{}, nil)
	if n := len(wave(t, c, manyKeys(2))); n != 2 || c.Fetch(t.Context(), nil, "") == nil || c.Wait(t.Context()) != nil || c.Health().State != StateNone || c.Check(t.Context()).State != StateNone || c.Close() != nil {
		t.Error("a nil client does something")
	}
}

func TestCurrent(t *testing.T) {
	t.Parallel()
	p := &fakeProgram{answer: within(0, hit)}
	o := Options{Start: p.start}
	var k Current
	config := func() Config { return Config{URL: "grpc://h:1", Headers: map[string]string{"a": "b"}} }
	first := k.Use(config(), o)
	if first == nil || k.Use(config(), o) != first || k.Client() != first {
		t.Error("an equal configuration has another client")
	}
	other := config()
	other.Headers["a"] = "c"
	second := k.Use(other, o)
	if second == nil || second == first || countFound(first.Lookup(t.Context(), manyKeys(1))) != 0 {
		t.Error("the client of another configuration stayed")
	}
	if k.Use(Config{}, o) != nil || k.Client() != nil {
		t.Error("no configuration has a client")
	}
	if k.Use(config(), o) == nil || k.Close() != nil || k.Use(config(), o) != nil {
		t.Error("after Close")
	}
}

func TestOrigin(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"grpc://Host:9092": "grpc://host:9092", "grpcs://h": "grpcs://h:443", "http://h/a/b": "http://h:80", "https://[::1]:1/": "https://[::1]:1", "grpc://h:1/": "grpc://h:1",
		"h:1": "", "grpc:h": "", "grpc://": "", "grpc://h": "", "grpc://h:1/main": "", "ftp://h": "", "http://u:p@h": "", "http://h?x": "", "http://h#x": "", "://": "", "http://h:x": "",
	} {
		got, err := Origin(raw)
		if got != want || (err == nil) != (want != "") || err != nil && strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s is %q, %v", raw, got, err)
		}
	}
	for name, ok := range map[string]bool{"": true, "main": true, "a/b": true, "a//b": false, "/a": false, "a/blobs": false, "..": false, "a b": false} {
		if message, _ := CheckInstance(name); (message == "") != ok {
			t.Errorf("instance %q: %q", name, message)
		}
	}
}

// Every cause has a text, and no text has more than one line.
func TestEveryCauseHasAText(t *testing.T) {
	t.Parallel()
	for cause := range causes {
		text := faultText("grpc://h:1", &remotewire.Fault{Cause: cause, Text: "why"})
		if strings.Contains(text, "%") || !strings.Contains(text, "why") && cause != remotewire.CauseTimeout || strings.Contains(text, "\n") {
			t.Errorf("%s: %q", cause, text)
		}
	}
	if text := faultText("u", &remotewire.Fault{Cause: "new", Text: "why"}); !strings.Contains(text, "it failed: why") {
		t.Error(text)
	}
}
