package ipc

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestEventRoundTrip: every kind of event, with anything in its fields, comes out of
// JSON as it went in.
func TestEventRoundTrip(t *testing.T) {
	t.Parallel()
	for _, kind := range EventBodies() {
		t.Run(kind.EventName(), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				v := reflect.New(reflect.TypeOf(kind)).Elem()
				fill(t, v)
				e := Event{
					Schema: Schema, Name: kind.EventName(), Seq: rapid.Uint64().Draw(t, "seq"),
					Time: drawTime(t), Build: rapid.String().Draw(t, "build"), Body: v.Interface().(EventBody),
				}
				text, err := json.Marshal(e)
				if err != nil {
					t.Fatal(err)
				}
				var back Event
				if err := json.Unmarshal(text, &back); err != nil {
					t.Fatalf("%v: %s", err, text)
				}
				again, _ := json.Marshal(back)
				if !reflect.DeepEqual(e, back) || !bytes.Equal(text, again) {
					t.Fatalf("in   %+v\nout  %+v\ntext %s", e, back, text)
				}
				var flat map[string]any
				if err := json.Unmarshal(text, &flat); err != nil || flat["event"] != kind.EventName() || flat["Body"] != nil {
					t.Fatalf("not one flat object: %s", text)
				}
			})
		})
	}
}

// fill puts anything into v. Lists and maps are nil or have elements: JSON's omitempty
// does not tell an empty one from none.
func fill(t *rapid.T, v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(drawTime(t)))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(t, v.Field(i))
		}
	case reflect.Pointer:
		if rapid.Bool().Draw(t, "pointer") {
			v.Set(reflect.New(v.Type().Elem()))
			fill(t, v.Elem())
		}
	case reflect.Slice:
		n := rapid.IntRange(0, 2).Draw(t, "len")
		for range n {
			v.Set(reflect.Append(v, reflect.Zero(v.Type().Elem())))
			fill(t, v.Index(v.Len()-1))
		}
	case reflect.Map:
		if rapid.Bool().Draw(t, "map") {
			e := reflect.New(v.Type().Elem()).Elem()
			fill(t, e)
			v.Set(reflect.MakeMap(v.Type()))
			v.SetMapIndex(reflect.ValueOf(rapid.String().Draw(t, "key")), e)
		}
	case reflect.Interface: // the body of an event within an event: no kind, no body
	case reflect.String:
		v.SetString(rapid.String().Draw(t, "string"))
	case reflect.Bool:
		v.SetBool(rapid.Bool().Draw(t, "bool"))
	case reflect.Float64:
		v.SetFloat(rapid.Float64Range(0, 1e12).Draw(t, "float"))
	case reflect.Uint64, reflect.Uint32:
		v.SetUint(uint64(rapid.Uint32().Draw(t, "uint")))
	case reflect.Int, reflect.Int64:
		v.SetInt(rapid.Int64().Draw(t, "int"))
	default:
		t.Fatalf("fill %v: what is that?", v.Type())
	}
}

func drawTime(t *rapid.T) time.Time {
	return time.Unix(0, rapid.Int64Range(0, 4e18).Draw(t, "time")).UTC()
}

// TestUnknownEvent: a newer sender's kinds keep their header.
func TestUnknownEvent(t *testing.T) {
	t.Parallel()
	var e Event
	err := json.Unmarshal([]byte(`{"schema":2,"event":"moon_phase","seq":4,"build":"b","phase":"full"}`), &e)
	if err != nil || e.Name != "moon_phase" || e.Seq != 4 || e.Body != nil {
		t.Errorf("%+v, %v", e, err)
	}
}
