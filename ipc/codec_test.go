package ipc

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"
)

// TestSpecClient is the spec's sample: no newline after the request, one line back.
func TestSpecClient(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{Root: projectWith(t, "src/main.cpp")}, CompilationHandlers(echoCompile()))
	p := connect(t, s.ep.Port)
	p.say(`{"action":"compile","file":"src/main.cpp","flags":["-O2","-std=c++17"]}`)
	want := `{"ok":true,"file":"src/main.cpp","object":"-O2 -std=c++17","status":"compiled","seconds":0,"diagnostics":""}` + "\n"
	if got := p.line(); got != want {
		t.Errorf("got  %s want %s", got, want)
	}
}

func echoCompile() Compilation {
	return fakeCompilation{compile: func(_ context.Context, r CompileRequest) (CompileReply, error) {
		if r.File == "bad.c" {
			return CompileReply{File: r.File, Status: StatusFailed, Diagnostics: "no"}, nil
		}
		return CompileReply{File: r.File, Object: strings.Join(r.Flags, " "), Status: StatusCompiled}, nil
	}}
}

func TestPlainRequests(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{Root: projectWith(t, "a.c", "bad.c")}, CompilationHandlers(echoCompile()))
	ok := func(id string) string { return `{` + id + `"ok":true,"file":"a.c",` }
	bad := func(message string) string { return `{"ok":false,"error":{"code":"bad_request","message":"` + message }
	deep := strings.Repeat("[", maxDepth) + strings.Repeat("]", maxDepth)
	for _, c := range []struct {
		name  string
		write []string // pieces, each in a packet of its own
		want  []string // beginnings of the lines that come back; the connection closes after an error
	}{
		{"glued", []string{`{"action":"compile","file":"a.c"}{"action":"compile","file":"a.c"}`}, []string{ok(""), ok("")}},
		{"newlines", []string{"{\"action\":\"compile\",\"file\":\"a.c\"}\r\n\t {\"action\":\"compile\",\n\"file\":\"a.c\"}\n"}, []string{ok(""), ok("")}},
		{"split", []string{`{"act`, `ion":"comp`, `ile","file":"a.`, `c"}{`, `"action":"compile","file":"a.c"}`}, []string{ok(""), ok("")}},
		{"ids", []string{`{"id":7,"action":"compile","file":"a.c"}{"id":"x\"}","action":"compile","file":"a.c"}`}, []string{ok(`"id":7,`), ok(`"id":"x\"}",`)}},
		{"escaped key", []string{`{"\u0061ction":"compile","file":"a.c"}`}, []string{ok("")}},
		{"rejected by the compiler", []string{`{"action":"compile","file":"bad.c"}`}, []string{
			`{"ok":false,"error":{"code":"build_failed","message":"bad.c: the compiler reported errors"},"file":"bad.c","object":"","status":"failed","seconds":0,"diagnostics":"no"}`}},

		{"key in another case", []string{`{"Action":"compile","file":"a.c"}`}, []string{bad(`no \"action\" (\"Action\" is another key)`)}},
		{"repeated action", []string{`{"action":"ping","action":"compile","file":"a.c"}`}, []string{bad(`compile: repeated key \"action\"`)}},
		{"repeated flags", []string{`{"action":"compile","file":"a.c","flags":[],"flags":["-fplugin=x"]}`}, []string{bad(`compile: repeated key \"flags\"`)}},
		{"Flags", []string{`{"action":"compile","file":"a.c","flags":[],"Flags":["-fplugin=x"]}`}, []string{bad(`compile: unknown key \"Flags\", did you mean \"flags\"?`)}},
		{"escaped repetition", []string{`{"action":"compile","file":"a.c","fl\u0061gs":[],"flags":[]}`}, []string{bad(`compile: repeated key \"flags\"`)}},
		{"unknown key", []string{`{"action":"compile","file":"a.c","flag":[]}`}, []string{bad(`compile: unknown key \"flag\", did you mean \"flags\"?`)}},
		{"wrong type", []string{`{"action":"compile","file":"a.c","flags":"-O2"}`}, []string{bad(`compile: \"flags\" is a string, want list of string`)}},
		{"no action", []string{`{"file":"a.c"}`}, []string{bad(`no \"action\"`)}},
		{"action is a number", []string{`{"action":3}`}, []string{bad(`\"action\" is not a string`)}},
		{"id is an object", []string{`{"id":{},"action":"ping"}`}, []string{bad(`\"id\" is not a short string or number`)}},
		{"unknown action", []string{`{"action":"compiel","file":"a.c"}`}, []string{bad(`unknown action \"compiel\"","hint":"did you mean \"compile\"?"`)}},
		{"without a proof", []string{`{"action":"run","actions":[]}`}, []string{`{"ok":false,"error":{"code":"unauthorized","message":"run needs a proof`}},
		{"not JSON", []string{`{"action":compile}`}, []string{bad(`not JSON: invalid character`)}},
		{"wrong bracket", []string{`{]`}, []string{bad(`not JSON: `)}},
		{"deep", []string{`{"action":"compile","file":` + deep}, []string{bad(`request is nested deeper than 64 levels`)}},
		{"2 MiB", []string{`{"action":"compile","file":"` + strings.Repeat("x", 2<<20) + `"}`}, []string{bad(`request is larger than 1048576 bytes`)}},
		{"flag", []string{`{"action":"compile","file":"a.c","flags":["-fplugin=./x.so"]}`}, []string{
			`{"ok":false,"error":{"code":"unauthorized","message":"flag \"-fplugin=./x.so\" is not allowed without a proof`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := connect(t, s.ep.Port)
			for i, piece := range c.write {
				if i > 0 {
					time.Sleep(time.Millisecond) // apart, so that the server sees them apart; nothing waits for it
				}
				p.say(piece)
			}
			for _, want := range c.want {
				if got := p.line(); !strings.HasPrefix(got, want) {
					t.Errorf("got  %.300s\nwant %s…", got, want)
				}
			}
			p.Close()
		})
	}
}

// TestSlowFirstRequest: a peer that does not end its first request is hung up on in time.
func TestSlowFirstRequest(t *testing.T) {
	t.Parallel()
	inBubble(t, ServerConfig{}, nil, func(t *testing.T, _ *harness, network *pipes) {
		begin := time.Now()
		c, err := network.connect(t.Context(), "", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, `{"action":`)
		got, _ := io.ReadAll(c)
		if took := time.Since(begin); len(got) != 0 || took != firstRequest {
			t.Errorf("%q after %v", got, took)
		}
	})
}

// TestLargeRequest: the inputs of 10,000 units fit.
func TestLargeRequest(t *testing.T) {
	t.Parallel()
	s := serve(t, ServerConfig{}, DiscoveryHandlers(fakeDiscovery{}))
	c := NewDiscoveryClient(dialer(s.ep))
	defer c.Close()
	inputs := make([]uint32, 250)
	for i := range inputs {
		inputs[i] = uint32(i * 8)
	}
	var req RecordRequest
	for i := range 10_000 { // 11 MiB
		req.Nodes = append(req.Nodes, NodeRecord{ID: fmt.Sprintf("lib:src/f%d.cc", i), Inputs: inputs})
	}
	reply, err := c.Record(t.Context(), req)
	if err != nil || reply.Token != "lib:src/f9999.cc" {
		t.Errorf("got %v, %v", reply, err)
	}
}

// TestFramesOneByteAtATime: cutting does not depend on how bytes arrive.
func TestFramesOneByteAtATime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var stream bytes.Buffer
		objects := rapid.SliceOfN(rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.String())), 1, 4).Draw(t, "objects")
		for i, o := range objects {
			if i > 0 {
				stream.WriteString(rapid.SampledFrom([]string{"", "\n", " \r\n\t"}).Draw(t, "between"))
			}
			text, _ := json.Marshal(o)
			stream.Write(text)
		}
		in := frames{r: bufio.NewReaderSize(iotest.OneByteReader(&stream), 16)}
		for _, want := range objects {
			text, err := in.next(maxPlain)
			var got map[string][]string
			if err != nil || json.Unmarshal(text, &got) != nil || len(got) != len(want) {
				t.Fatalf("got %s, %v", text, err)
			}
		}
		if _, err := in.next(maxPlain); err != io.EOF {
			t.Fatalf("after the last: %v", err)
		}
	})
}

// FuzzRequest: whatever is taken as a request for a type is one that an exact
// decoder would take, and says the same to it.
func FuzzRequest(f *testing.F) {
	for _, s := range []string{
		`{"action":"compile","file":"a.c","flags":["-O2"]}`, `{"action":"compile","Flags":[]}`, `{"a":{"b":[1,{"c":"\""}]}}{}`,
		`{"action":"x","id":"\u00e9","file":"\ud800"}`, "{\"\xff\":1,\"\xfe\":2}", `{"nodes":[{"id":"x","id":"y"}]}`, `{]`, `{"a" 1}`,
		`{"action":"record","files":[{"path":"p","sig":"1.2.3.4.5.6"}],"reset":null}`, strings.Repeat(`{"a":`, 80),
	} {
		f.Add([]byte(s))
	}
	handlers := CompilationHandlers(nil)
	for k, h := range DiscoveryHandlers(nil) {
		handlers[k] = h
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		in := frames{r: bufio.NewReader(bytes.NewReader(data))}
		text, err := in.next(maxPlain)
		if err != nil || len(text) > maxPlain {
			return
		}
		parseReply(text) // must not panic
		e, err := openEnvelope(text)
		if err != nil {
			return
		}
		for _, h := range handlers {
			got, err := h.decode(text)
			if err != nil {
				continue
			}
			want := reflect.New(h.Request).Interface()
			strict := json.NewDecoder(bytes.NewReader(withoutEnvelope(t, text)))
			strict.DisallowUnknownFields()
			if err := strict.Decode(want); err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("%s (%s) took %s as %+v, a strict decoder as %+v, %v", h.Name, e.action, text, got, want, err)
			}
		}
	})
}

// withoutEnvelope decodes and encodes, by which keys of one name would get lost.
func withoutEnvelope(t *testing.T, text []byte) []byte {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		t.Fatal(err)
	}
	delete(m, "action")
	delete(m, "id")
	out, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestReadLineHoldsLimit(t *testing.T) {
	t.Parallel()
	r := bufio.NewReaderSize(strings.NewReader(strings.Repeat("x", 99)+"\nshort\n"), 16)
	if line, err := readLine(r, 100); err != nil || len(line) != 99 {
		t.Errorf("%q, %v", line, err)
	}
	if line, err := readLine(r, 5); err == nil {
		t.Errorf("too long: %q", line)
	}
	if _, err := readLine(bufio.NewReader(strings.NewReader("half")), 5); !errors.Is(err, io.EOF) {
		t.Errorf("half a line: %v", err)
	}
}

// BenchmarkDecodeRun is the cost of the checks beside that of encoding/json.
func BenchmarkDecodeRun(b *testing.B) {
	var req RunRequest
	for i := range 10_000 {
		u := Action{
			ID: fmt.Sprintf("lib:src/f%d.cc", i), Kind: ActionCompile, Target: "lib",
			Source: fmt.Sprintf("src/f%d.cc", i), Outputs: []string{fmt.Sprintf("build/obj/lib/src/f%d.cc.o", i)},
		}
		req.Actions = append(req.Actions, RunAction{Action: u, Causes: []Cause{{Kind: CauseChanged, Path: "include/a.h"}}})
	}
	text, err := requestLine("run", 1, req)
	if err != nil {
		b.Fatal(err)
	}
	h := CompilationHandlers(nil)["run"]
	b.Run("strict", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			openEnvelope(text)
			if _, err := h.decode(text); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		for b.Loop() {
			json.Unmarshal(text, new(RunRequest))
		}
	})
}
