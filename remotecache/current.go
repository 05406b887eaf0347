package remotecache

import (
	"reflect"
	"sync"
)

// Equal reports whether two configurations say the same.
func (c Config) Equal(o Config) bool { return reflect.DeepEqual(c, o) }

// Current keeps the client of the configuration that counts now. A service has one for its
// whole life, while the files that say which server is used may change. The zero value has no
// client.
type Current struct {
	mu     sync.Mutex
	config Config
	client *Client
	closed bool
}

// Use returns the client of c, nil for a Config without a URL. The client of the
// configuration before is closed if c is another one; its uploads that wait are given up.
func (k *Current) Use(c Config, o Options) *Client {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.closed {
		return nil
	}
	if k.config.Equal(c) && (k.client != nil || c.URL == "") {
		return k.client
	}
	old := k.client
	k.config, k.client = c, nil
	if c.URL != "" {
		k.client = New(c, o)
	}
	if old != nil {
		old.Close()
	}
	return k.client
}

// Client returns the client that Use returned last.
func (k *Current) Client() *Client {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.client
}

// Close closes the client. Use returns nil from then on.
func (k *Current) Close() error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.closed = true
	err := k.client.Close() // a nil one has nothing to close
	k.client = nil
	return err
}
