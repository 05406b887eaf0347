package remotewire

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"
)

func TestFrames(t *testing.T) {
	t.Parallel()
	var pipe bytes.Buffer
	w := bufio.NewWriter(&pipe)
	key := Digest{1, 2}
	request := Request{ID: 7, Op: OpLookup, Key: &key, Inline: []string{"a"}}
	reply := Reply{ID: 7, Found: true, Files: []File{{Name: "a", Digest: key, Size: 3, Inline: 3}, {Name: "b", Size: 9}, {Name: "c", Inline: 2}}, Meta: []byte{0, 255}}
	if err := WriteFrame(w, request, nil); err != nil {
		t.Fatal(err)
	}
	if err := WriteFrame(w, reply, [][]byte{[]byte("abc"), nil, []byte("de")}); err != nil {
		t.Fatal(err)
	}
	cut := bytes.Clone(pipe.Bytes()[:pipe.Len()-1])
	r := bufio.NewReader(&pipe)
	var gotRequest Request
	if _, err := ReadFrame(r, &gotRequest); err != nil || !reflect.DeepEqual(gotRequest, request) {
		t.Errorf("%+v, %v", gotRequest, err)
	}
	var gotReply Reply
	body, err := ReadFrame(r, &gotReply)
	if err != nil || !reflect.DeepEqual(gotReply, reply) {
		t.Errorf("%+v, %v", gotReply, err)
	}
	parts, err := Contents(gotReply.Files, body)
	if err != nil || string(parts[0]) != "abc" || parts[1] != nil || string(parts[2]) != "de" {
		t.Errorf("contents %q, %v", parts, err)
	}
	if _, err := ReadFrame(r, &gotReply); err != io.EOF {
		t.Errorf("at the end: %v", err)
	}
	r = bufio.NewReader(bytes.NewReader(cut))
	_, _ = ReadFrame(r, &gotRequest)
	if _, err := ReadFrame(r, &gotReply); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut frame: %v", err)
	}
	for _, files := range [][]File{{{Inline: 4}}, {{Inline: 2}}, {{Inline: -1}, {Inline: 4}}} {
		if _, err := Contents(files, []byte("abc")); err == nil {
			t.Errorf("contents of %+v were found in 3 bytes", files)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	var pipe bytes.Buffer
	_ = WriteFrame(bufio.NewWriter(&pipe), Reply{ID: 1, Files: []File{{Name: "a", Inline: 2}}}, [][]byte{[]byte("xy")})
	f.Add(pipe.Bytes())
	f.Add([]byte{0, 0, 0, 2, 0, 0, 0, 0, '{', '}'})
	f.Add([]byte{255, 255, 255, 255, 0, 0, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReader(bytes.NewReader(data))
		for {
			var reply Reply
			body, err := ReadFrame(r, &reply)
			if err != nil {
				return
			}
			parts, err := Contents(reply.Files, body)
			total := 0
			for _, p := range parts {
				total += len(p)
			}
			if err == nil && total != len(body) {
				t.Errorf("%d bytes of contents in a body of %d", total, len(body))
			}
			var out bytes.Buffer
			if err := WriteFrame(bufio.NewWriter(&out), reply, [][]byte{body}); err != nil {
				t.Errorf("what was read cannot be written: %v", err)
			}
		}
	})
}
