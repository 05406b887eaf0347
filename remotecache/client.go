package remotecache

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// inFlight is how many look-ups are under way at a time. 1,000 look-ups in two steps took
// 22 s with 2, 0.87 s with 64 and 0.62 s with 256 at 20 ms a round trip; many servers take
// 100 calls on one connection.
const inFlight = 96

// Options are what a client needs of its process. The zero value is that of a daemon.
type Options struct {
	// Executable is the path of replibuild-remote, "" for the one beside this program.
	Executable string
	// Start is used instead of starting the executable: it returns a pipe to a program
	// that speaks the protocol of package remotewire. Closing the pipe ends it.
	Start func() (io.ReadWriteCloser, error)
	// Notify gets what users should know: each cause once a build, in whole sentences. It
	// is called by goroutines of the client, and must not call the client.
	Notify func(text string)
	Now    func() time.Time // nil = time.Now
	Log    *slog.Logger     // nil = no log
}

// Client is one remote cache. Its methods may be called by many goroutines. A nil client is a
// remote cache that has nothing and takes nothing.
type Client struct {
	config  Config
	origin  string
	options Options
	invalid *remotewire.Fault // why the configuration cannot be used
	link    *link
	budget  *budget
	slots   chan struct{} // one for each look-up under way
	counts  counts
	uploads *uploads

	mu   sync.Mutex
	said map[string]bool // causes that this build was told of
}

// New makes the client of a server and begins to connect in the background. A configuration
// that cannot be used is no error: the client says so in its health and in a notice. Close
// ends it.
func New(c Config, o Options) *Client {
	c.Timeout, c.MaxBlob = cmp.Or(c.Timeout, DefaultTimeout), cmp.Or(c.MaxBlob, DefaultMaxBlob)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Start == nil {
		o.Start = func() (io.ReadWriteCloser, error) { return startProgram(o.Executable) }
	}
	client := &Client{
		config: c, options: o, said: map[string]bool{},
		budget: &budget{now: o.Now}, slots: make(chan struct{}, inFlight),
	}
	client.link = &link{start: o.Start, now: o.Now, timeout: c.Timeout}
	client.uploads = newUploads(client)
	u, err := parseURL(c.URL)
	if err != nil {
		client.invalid = &remotewire.Fault{Cause: remotewire.CauseConfig, Text: err.Error()}
		client.origin = c.URL
		return client
	}
	client.origin = u.Scheme + "://" + u.Host
	client.link.config = &remotewire.Config{
		URL: u.String(), Instance: c.Instance, MaxBlob: c.MaxBlob, Compression: c.Compression,
		Headers: c.Headers, TLSCA: c.TLSCA, TLSCert: c.TLSCert, TLSKey: c.TLSKey, Execute: c.Execute,
	}
	client.BeginBuild()
	return client
}

// BeginBuild begins another build: its budget is whole, and it is told anew what is wrong.
func (c *Client) BeginBuild() {
	if c == nil {
		return
	}
	c.mu.Lock()
	clear(c.said)
	c.mu.Unlock()
	c.budget.reset()
	if c.invalid == nil {
		c.link.beginBuild()
	}
}

// Close ends the program and gives up the uploads that wait. [Client.Wait] before it lets
// them end.
func (c *Client) Close() error {
	if c == nil {
		return nil
	}
	c.uploads.close()
	c.link.close()
	c.uploads.running.Wait()
	return nil
}

// Timeout is that of one look-up.
func (c *Client) Timeout() time.Duration { return c.config.Timeout }

// Waits counts from now on that something which could run waits for the server. The function that
// it returns ends that, and says whether the answer was of use. A build that has lost too much
// time asks no more.
func (c *Client) Waits() (end func(useful bool)) {
	if c == nil {
		return func(bool) {}
	}
	return c.budget.begin()
}

// use returns the connection if this build may ask the server now, else nil; the build is
// told why.
func (c *Client) use(ctx context.Context) *conn {
	if c.invalid != nil {
		c.tell(c.invalid)
		return nil
	}
	if !c.budget.left() {
		c.say("budget", budgetText(c.origin, c.budget.total()))
		return nil
	}
	conn, fault := c.link.use(ctx)
	if fault != nil {
		c.tell(fault)
	}
	return conn
}

// failed notes how a call that reads went.
func (c *Client) failed(err error) {
	if off := c.link.answered(err); off != nil {
		c.tell(off)
	}
	if f := faultOf(err); f != nil {
		c.counts.failed(f)
		c.options.Log.Debug("remote cache", "url", c.origin, "cause", f.Cause, "text", f.Text)
		if f.Cause == remotewire.CauseDamaged {
			c.tell(f)
		}
	}
}

// tell says why the server is not used, once a build for each cause.
func (c *Client) tell(f *remotewire.Fault) {
	if c.config.Execute {
		c.say(f.Cause, farmText(c.origin, f))
		return
	}
	c.say(f.Cause, faultText(c.origin, f))
}

func (c *Client) say(cause, text string) {
	c.mu.Lock()
	before := c.said[cause]
	c.said[cause] = true
	c.mu.Unlock()
	if before {
		return
	}
	c.options.Log.Warn(text)
	if c.options.Notify != nil {
		c.options.Notify(text)
	}
}
