package ipc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sort"
	"strings"
	"time"
)

// Action describes what a peer can ask of a daemon. docs/protocol.md is made from
// these.
type Action struct {
	Name     string       // "compile"
	Form     string       // the key whose presence chooses between forms of one action, "" for the only form
	Doc      string       // one sentence
	Request  reflect.Type // a struct
	Reply    reflect.Type // a struct, or an interface for "any object"
	Progress reflect.Type // what its event lines carry; nil: it does not stream
	Plain    bool         // open to the same user without a proof
	Endless  bool         // streams until the peer hangs up: ended at once when the daemon stops
	Idle     bool         // asking it does not count as activity
}

// Handler is an action with the service that does it.
type Handler struct {
	Action
	shape *shape
	// call takes a pointer to a Request.
	call func(ctx context.Context, req any, send func(progress any)) (any, error)
	// plainCheck says what is wrong with a request of an unproved peer.
	plainCheck func(root string, req any) error
}

// Handlers is what a server offers, by action; several forms of one action have
// keys "action+form".
type Handlers map[string]Handler

// action is a row of a service's table: an [Action] and the method that does it.
type action[S any] struct {
	Action
	bind       func(S) func(ctx context.Context, req any, send func(any)) (any, error)
	plainCheck func(root string, req any) error
}

// unary makes the row of a method with one reply.
func unary[S, Req, Rep any](name, doc string, method func(S, context.Context, Req) (Rep, error)) action[S] {
	return action[S]{
		Action: Action{Name: name, Doc: doc, Request: reflect.TypeFor[Req](), Reply: reflect.TypeFor[Rep]()},
		bind: func(s S) func(context.Context, any, func(any)) (any, error) {
			return func(ctx context.Context, req any, _ func(any)) (any, error) {
				return method(s, ctx, *req.(*Req))
			}
		},
	}
}

// streaming makes the row of a method that reports while it runs.
func streaming[S, Req, P, Rep any](name, doc string, method func(S, context.Context, Req, func(P)) (Rep, error)) action[S] {
	return action[S]{
		Action: Action{
			Name: name, Doc: doc, Request: reflect.TypeFor[Req](), Reply: reflect.TypeFor[Rep](),
			Progress: reflect.TypeFor[P](),
		},
		bind: func(s S) func(context.Context, any, func(any)) (any, error) {
			return func(ctx context.Context, req any, send func(any)) (any, error) {
				return method(s, ctx, *req.(*Req), func(p P) { send(p) })
			}
		},
	}
}

// subscription makes the row of a method that streams events until it is told to
// stop.
func subscription[S any](method func(S, context.Context, SubscribeRequest, func(Event)) error) action[S] {
	a := streaming("subscribe", "Streams events until the peer hangs up.",
		func(s S, ctx context.Context, req SubscribeRequest, fn func(Event)) (struct{}, error) {
			return struct{}{}, method(s, ctx, req, fn)
		})
	a.Endless = true
	return a
}

// plain opens the action to unproved peers of the same user.
func (a action[S]) plain() action[S] {
	a.Plain = true
	return a
}

// plainIf opens the action to them for requests with which check finds no fault.
func (a action[S]) plainIf(check func(root string, req any) error) action[S] {
	a.plainCheck = check
	return a.plain()
}

// idle keeps the action from counting as activity: health checks and dashboards
// must not keep a daemon from its idle timeout.
func (a action[S]) idle() action[S] {
	a.Idle = true
	return a
}

// form names the key that chooses this form of the action.
func (a action[S]) form(key string) action[S] {
	a.Form = key
	return a
}

func (a Action) key() string {
	if a.Form == "" {
		return a.Name
	}
	return a.Name + "+" + a.Form
}

// bindAll makes handlers from a service's table.
func bindAll[S any](table []action[S], service S) Handlers {
	handlers := make(Handlers, len(table))
	for _, a := range table {
		handlers[a.key()] = Handler{
			Action: a.Action, shape: requestShape(a.Request), call: a.bind(service), plainCheck: a.plainCheck,
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

// find returns the handler for an action and the keys of its request.
func (h Handlers) find(name string, keys []string) (Handler, error) {
	if x, ok := h[name]; ok && x.Form == "" {
		return x, nil
	}
	var forms, names []string
	for _, x := range h {
		names = append(names, x.Name)
		if x.Name == name {
			forms = append(forms, fmt.Sprintf("%q", x.Form))
		}
	}
	for _, k := range keys {
		if x, ok := h[name+"+"+k]; ok && x.Form == k {
			return x, nil
		}
	}
	if len(forms) > 0 {
		sort.Strings(forms)
		return Handler{}, Errorf(CodeBadRequest, "%s needs one of %s", name, strings.Join(forms, ", "))
	}
	err := Errorf(CodeBadRequest, "unknown action %q", name)
	if near := Nearest(name, names); near != "" {
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

// openEnvelope reads action, id and keys of a request. It checks that text is JSON,
// so that nobody after it has to.
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
		if near := Nearest("action", e.keys); near != "" {
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
