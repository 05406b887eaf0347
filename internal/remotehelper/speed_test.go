package remotehelper_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/RepliBuild/replibuild/remotecache"
)

// BenchmarkTwoSteps looks up 1,000 units as a build does: the index with a path set in it,
// which takes 6 KB in compressed form, then the entry with an object of 60 KB, at 0 and 20 ms a round trip.
func BenchmarkTwoSteps(b *testing.B) {
	const units = 1000
	s := startReal(b)
	from := content{b.TempDir()}
	writer := connect(b, patient(s.grpc))
	var indexes, entries []remotecache.Key
	start := time.Now()
	for i := range units {
		key := func(kind byte) remotecache.Key {
			return sha256.Sum256(binary.BigEndian.AppendUint32([]byte{kind}, uint32(i)))
		}
		indexes, entries = append(indexes, key('i')), append(entries, key('e'))
		set := from.file(b, "0", noise(6<<10))
		object := from.file(b, "object", append(noise(30<<10), bytes.Repeat(fmt.Appendf(nil, "%8d", i), 30<<7)...))
		writer.Store(indexes[i], remotecache.Value{Files: []remotecache.File{set}}, from.open)
		writer.Store(entries[i], remotecache.Value{Files: []remotecache.File{object}}, from.open)
	}
	if err := writer.Wait(b.Context()); err != nil || writer.Health().Stored != 2*units {
		b.Fatalf("%v, %+v", err, writer.Health())
	}
	b.Logf("stored %d values in %v", 2*units, time.Since(start).Round(time.Millisecond))
	for _, roundTrip := range []time.Duration{0, 20 * time.Millisecond} {
		b.Run(roundTrip.String(), func(b *testing.B) {
			reader := connect(b, patient("grpc://"+delayed(b, strings.TrimPrefix(s.grpc, "grpc://"), roundTrip/2)))
			reader.Check(b.Context())
			for b.Loop() {
				found := append(reader.Lookup(b.Context(), indexes, "0"), reader.Lookup(b.Context(), entries, "object")...)
				for _, v := range found {
					if v == nil || v.Files[0].Contents == nil {
						b.Fatalf("found %+v; %+v, %q", v, reader.Health(), reader.told())
					}
				}
			}
		})
	}
}

// delayed is a proxy that passes each byte on after a time, in both directions.
func delayed(t testing.TB, to string, by time.Duration) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			a, err := l.Accept()
			if err != nil {
				return
			}
			b, err := net.Dial("tcp", to)
			if err != nil {
				a.Close()
				return
			}
			go passOn(b, a, by)
			go passOn(a, b, by)
		}
	}()
	return l.Addr().String()
}

// passOn copies until one side closes.
func passOn(to io.WriteCloser, from io.Reader, by time.Duration) {
	type part struct {
		data []byte
		at   time.Time
	}
	parts := make(chan part, 1<<14)
	go func() {
		defer to.Close()
		for p := range parts {
			time.Sleep(time.Until(p.at))
			if _, err := to.Write(p.data); err != nil {
				return
			}
		}
	}()
	defer close(parts)
	for {
		data := make([]byte, 64<<10)
		n, err := from.Read(data)
		if err != nil {
			return
		}
		parts <- part{data[:n], time.Now().Add(by)}
	}
}
