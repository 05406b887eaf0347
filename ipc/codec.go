package ipc

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// errNotOurs means that the peer speaks something else (HTTP, TLS, a text line): it
// is left without an answer.
var errNotOurs = errors.New("first byte is not {")

// frames cuts a byte stream into JSON objects, however they are split or glued: the
// spec's client sends no newline, so a line reader would wait for ever. Size and
// depth are enforced here, while the bytes arrive; grammar and keys are the
// business of [decodeRequest].
type frames struct {
	r     *bufio.Reader
	begun bool // an object has been read: white space may come before the next one
}

// wait returns when the first byte of an object is there.
func (f *frames) wait() error {
	for {
		b, err := f.r.Peek(1)
		if err != nil {
			return err
		}
		if b[0] == '{' {
			return nil
		}
		if !f.begun || !isSpace(b[0]) {
			return errNotOurs
		}
		f.r.Discard(1)
	}
}

// next returns the next object, of at most limit bytes. An object beyond a limit is an
// [Error] for the peer. After any error the stream cannot be read on.
func (f *frames) next(limit int) ([]byte, error) {
	if err := f.wait(); err != nil {
		return nil, err
	}
	var object []byte
	var b brackets
	for {
		if _, err := f.r.Peek(1); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
		chunk, _ := f.r.Peek(f.r.Buffered())
		n, done, err := b.scan(chunk)
		if err != nil {
			return nil, err
		}
		if len(object)+n > limit {
			return nil, Errorf(CodeBadRequest, "request is larger than %d bytes", limit)
		}
		object = append(object, chunk[:n]...)
		f.r.Discard(n)
		if done {
			f.begun = true
			return object, nil
		}
	}
}

// brackets finds the end of a JSON object or list: it counts brackets outside
// strings and knows nothing else of the grammar.
type brackets struct {
	depth             int
	inString, escaped bool
}

// scan reads on in chunk. It returns how many bytes belong to the value and whether
// the value ends there.
func (b *brackets) scan(chunk []byte) (n int, done bool, err error) {
	for i, c := range chunk {
		switch {
		case b.escaped:
			b.escaped = false
		case b.inString:
			b.escaped = c == '\\'
			b.inString = c != '"'
		case c == '"':
			b.inString = true
		case c == '{' || c == '[':
			if b.depth++; b.depth > maxDepth {
				return 0, false, Errorf(CodeBadRequest, "request is nested deeper than %d levels", maxDepth)
			}
		case c == '}' || c == ']':
			if b.depth--; b.depth <= 0 {
				return i + 1, true, nil
			}
		}
	}
	return len(chunk), false, nil
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// readLine returns the next line without its newline, at most limit bytes.
func readLine(r *bufio.Reader, limit int) ([]byte, error) {
	var line []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(line)+len(part) > limit {
			return nil, fmt.Errorf("a line is longer than %d bytes", limit)
		}
		line = append(line, part...)
		if err == bufio.ErrBufferFull {
			continue
		}
		if err != nil {
			return nil, err
		}
		return line[:len(line)-1], nil
	}
}

// splice encodes body, a struct, as one line: a JSON object that begins with the
// members in head (`"id":1,"ok":true`, or none).
func splice(head string, body any) ([]byte, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode %T: %w", body, err)
	}
	if bytes.Equal(text, []byte("null")) {
		text = []byte("{}")
	}
	if text[0] != '{' {
		return nil, fmt.Errorf("encode %T: not an object", body)
	}
	line := make([]byte, 0, len(head)+len(text)+2)
	line = append(append(line, '{'), head...)
	if head != "" && len(text) > len("{}") {
		line = append(line, ',')
	}
	return append(append(line, text[1:]...), '\n'), nil
}

// requestLine encodes a request.
func requestLine(action string, id uint64, req any) ([]byte, error) {
	return splice(fmt.Sprintf(`"action":%q,"id":%d`, action, id), req)
}

// reply is the outer part of a line that a server sent.
type reply struct {
	ID    string // as written: 7 or "seven"
	Event string
	OK    bool
	Error *Error
	Keys  int // members that are none of the above
}

// parseReply reads the outer part of a line; the members of the body stay for
// json.Unmarshal, which ignores the outer ones. In an event line "ok" belongs to the
// body: build_finished has one.
func parseReply(line []byte) (reply, error) {
	var r reply
	var ok *bool
	err := eachMember(line, func(key string, value []byte) error {
		switch key {
		case "id":
			r.ID = string(value)
		case "event":
			return json.Unmarshal(value, &r.Event)
		case "ok":
			return json.Unmarshal(value, &ok)
		case "error":
			return json.Unmarshal(value, &r.Error)
		case "final":
		default:
			r.Keys++
		}
		return nil
	})
	switch {
	case err != nil || r.Event != "":
		return r, err
	case ok == nil:
		return r, errors.New(`neither "ok" nor "event"`)
	case !*ok && r.Error == nil:
		return r, errors.New(`"ok" is false without "error"`)
	}
	r.OK = *ok
	return r, nil
}
