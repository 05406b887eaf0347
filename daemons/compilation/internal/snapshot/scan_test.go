package snapshot

import (
	"reflect"
	"testing"
)

func TestScanText(t *testing.T) {
	t.Parallel()
	quoted := func(names ...string) (ops []HeaderName) {
		for _, n := range names {
			ops = append(ops, HeaderName{n, true})
		}
		return ops
	}
	for _, tt := range []struct {
		text string
		want Scan
	}{
		{"int a;\n", Scan{}},
		{"const char *t = __TIME__;", Scan{Clock: "__TIME__"}},
		{"x__TIME__ __TIME__S __DATE__1", Scan{}},
		{"__DATE__", Scan{Clock: "__DATE__"}},
		{"asm(\".incbin \\\"x\\\"\");", Scan{Incbin: true, Assembles: true}},
		{"#include <a.h>\n # include\t\"b/c.h\"\n#include_next \"d.h\"", Scan{Quoted: []string{"b/c.h", "d.h"}}},
		{"#embed \"data.bin\" limit(2)\n", Scan{Quoted: []string{"data.bin"}}},
		{"#include CONFIG\n", Scan{Macro: true}},
		{"#ifdef __has_include\n#if __has_include( <opt.h> ) && __has_include(\"o2.h\")\n#endif",
			Scan{Asked: append([]HeaderName{{"opt.h", false}}, quoted("o2.h")...), Guesses: append([]HeaderName{{"opt.h", false}}, quoted("o2.h")...)}},
		{"#define HAS(x) __has_include(x)\n#if HAS(<opt.h>)\n",
			Scan{AskedBy: true, Guesses: []HeaderName{{"opt.h", false}}}},
		{"#define CONF \"conf.h\"\n#if __has_include(CONF)\n", Scan{AskedBy: true, Guesses: quoted("conf.h")}},
		{"#if __has_embed(\"d.bin\")", Scan{Asked: quoted("d.bin"), Guesses: quoted("d.bin")}},
		{"#include \"unclosed\n#include <>\n", Scan{Macro: true}},
	} {
		if got := ScanText([]byte(tt.text)); !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%q:\n got %+v\nwant %+v", tt.text, *got, tt.want)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("#if __has_include(<a\n#define X \"\n#include \""))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, op := range ScanText(text).Asked {
			if op.Name == "" {
				t.Fatalf("%q gives an empty operand", text)
			}
		}
	})
}
