package ipc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/RepliBuild/replibuild/internal/editdistance"
)

// Method describes one "action" of a request: what a peer can ask of a daemon.
// docs/protocol.md is made from these.
type Method struct {
	Name     string       // "compile"
	Doc      string       // one sentence
	Request  reflect.Type // a struct
	Reply    reflect.Type // a struct, or an interface for "any object"
	Progress reflect.Type // what its event lines carry; nil: it does not stream
	Plain    bool         // open to the same user without a proof
	Endless  bool         // streams until the peer hangs up: ended at once when the daemon stops
	Idle     bool         // asking it does not count as activity
}

// Handler is a method with the service that does it.
type Handler struct {
	Method
	shape *shape
	// call takes a pointer to a Request.
	call func(ctx context.Context, req any, send func(progress any)) (any, error)
	// plainCheck says what is wrong with a request of an unproved peer.
	plainCheck func(root string, req any) error
}

// Handlers is what a server offers, by name.
type Handlers map[string]Handler

// method is a row of a service's table: a [Method] and the Go method that does it.
type method[S any] struct {
	Method
	bind       func(S) func(ctx context.Context, req any, send func(any)) (any, error)
	plainCheck func(root string, req any) error
}

// unary makes the row of a method with one reply.
func unary[S, Req, Rep any](name, doc string, do func(S, context.Context, Req) (Rep, error)) method[S] {
	return method[S]{
		Method: Method{Name: name, Doc: doc, Request: reflect.TypeFor[Req](), Reply: reflect.TypeFor[Rep]()},
		bind: func(s S) func(context.Context, any, func(any)) (any, error) {
			return func(ctx context.Context, req any, _ func(any)) (any, error) {
				return do(s, ctx, *req.(*Req))
			}
		},
	}
}

// streaming makes the row of a method that reports while it runs.
func streaming[S, Req, P, Rep any](name, doc string, do func(S, context.Context, Req, func(P)) (Rep, error)) method[S] {
	return method[S]{
		Method: Method{
			Name: name, Doc: doc, Request: reflect.TypeFor[Req](), Reply: reflect.TypeFor[Rep](),
			Progress: reflect.TypeFor[P](),
		},
		bind: func(s S) func(context.Context, any, func(any)) (any, error) {
			return func(ctx context.Context, req any, send func(any)) (any, error) {
				return do(s, ctx, *req.(*Req), func(p P) { send(p) })
			}
		},
	}
}

// subscription makes the row of a method that streams events until it is told to
// stop.
func subscription[S any](do func(S, context.Context, SubscribeRequest, func(Event)) error) method[S] {
	a := streaming("subscribe", "Streams events until the peer hangs up.",
		func(s S, ctx context.Context, req SubscribeRequest, fn func(Event)) (struct{}, error) {
			return struct{}{}, do(s, ctx, req, fn)
		})
	a.Endless = true
	return a
}

// plain opens the method to unproved peers of the same user.
func (m method[S]) plain() method[S] {
	m.Plain = true
	return m
}

// plainIf opens the method to them for requests with which check finds no fault.
func (m method[S]) plainIf(check func(root string, req any) error) method[S] {
	m.plainCheck = check
	return m.plain()
}

// idle keeps the method from counting as activity: health checks and dashboards
// must not keep a daemon from its idle timeout.
func (m method[S]) idle() method[S] {
	m.Idle = true
	return m
}

// bindAll makes handlers from a service's table.
func bindAll[S any](table []method[S], service S) Handlers {
	handlers := make(Handlers, len(table))
	for _, m := range table {
		handlers[m.Name] = Handler{
			Method: m.Method, shape: requestShape(m.Request), call: m.bind(service), plainCheck: m.plainCheck,
		}
	}
	return handlers
}

// requestShape is the shape of t with the members that every request may have.
func requestShape(t reflect.Type) *shape {
	s := shapeOf(t)
	s.add("action", reflect.TypeFor[string]())
	s.add("id", reflect.TypeFor[string]())
	return s
}

// find returns the handler for the action of a request.
func (h Handlers) find(name string) (Handler, error) {
	if x, ok := h[name]; ok {
		return x, nil
	}
	var names []string
	for known := range h {
		names = append(names, known)
	}
	err := Errorf(CodeBadRequest, "unknown action %q", name)
	if near := editdistance.Nearest(name, names); near != "" {
		err = err.WithHint("did you mean %q?", near)
	}
	return Handler{}, err
}

// envelope is what a request says before its action is known.
type envelope struct {
	action string
	id     string // as written, "" if there is none
	keys   []string
}

// openEnvelope reads action, id and keys of a request. It checks that text is JSON, so
// later steps need not.
func openEnvelope(text []byte) (envelope, error) {
	var e envelope
	if !json.Valid(text) {
		return e, badJSON(json.Unmarshal(text, &struct{}{}))
	}
	err := eachMember(text, func(key string, value []byte) error {
		switch key {
		case "action":
			if json.Unmarshal(value, &e.action) != nil {
				return errors.New(`"action" is not a string`)
			}
		case "id":
			if c := value[0]; len(value) > 128 || c == '{' || c == '[' {
				return errors.New(`"id" is not a short string or number`)
			}
			e.id = string(value)
		default:
			e.keys = append(e.keys, key)
		}
		return nil
	})
	if err == nil && e.action == "" {
		err = errors.New(`no "action"`)
		if near := editdistance.Nearest("action", e.keys); near != "" {
			err = fmt.Errorf(`no "action" (%q is another key)`, near)
		}
	}
	if err != nil {
		return e, Errorf(CodeBadRequest, "%v", err)
	}
	return e, nil
}

// decode turns the text of a request into a pointer to the handler's request type.
func (h Handler) decode(text []byte) (any, error) {
	if err := checkKeys(text, h.shape); err != nil {
		return nil, Errorf(CodeBadRequest, "%s: %v", h.Name, err)
	}
	req := reflect.New(h.Request).Interface()
	if err := json.Unmarshal(text, req); err != nil {
		return nil, Errorf(CodeBadRequest, "%s: %v", h.Name, badJSON(err))
	}
	return req, nil
}

// badJSON says what is wrong in the words of JSON, not of Go.
func badJSON(err error) *Error {
	var syntax *json.SyntaxError
	var wrong *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return Errorf(CodeBadRequest, "not JSON: %v at byte %d", err, syntax.Offset)
	case errors.As(err, &wrong):
		return Errorf(CodeBadRequest, "%q is a %s, want %s", wrong.Field, wrong.Value, jsonType(wrong.Type))
	}
	return Errorf(CodeBadRequest, "%v", err)
}

// jsonType names in JSON's words what t is read from.
func jsonType(t reflect.Type) string {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch {
	case t == reflect.TypeFor[[]byte]():
		return "base64"
	case t == reflect.TypeFor[time.Time]():
		return "RFC 3339 time"
	case decodesItself(t):
		return "string"
	}
	switch t.Kind() {
	case reflect.Bool:
		return "boolean"
	case reflect.String:
		return "string"
	case reflect.Slice, reflect.Array:
		return "list of " + jsonType(t.Elem())
	case reflect.Map:
		return "object of " + jsonType(t.Elem())
	case reflect.Struct:
		if t.Name() != "" {
			return t.Name()
		}
		return "object"
	case reflect.Interface:
		return "anything"
	case reflect.Float32, reflect.Float64:
		return "number"
	}
	return "integer"
}
