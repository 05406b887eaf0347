package compilation

import (
	"reflect"
	"testing"
)

func TestScanText(t *testing.T) {
	t.Parallel()
	quoted := func(names ...string) (ops []operand) {
		for _, n := range names {
			ops = append(ops, operand{n, true})
		}
		return ops
	}
	for _, tt := range []struct {
		text string
		want scanned
	}{
		{"int a;\n", scanned{}},
		{"const char *t = __TIME__;", scanned{clock: "__TIME__"}},
		{"x__TIME__ __TIME__S __DATE__1", scanned{}},
		{"__DATE__", scanned{clock: "__DATE__"}},
		{"asm(\".incbin \\\"x\\\"\");", scanned{incbin: true}},
		{"#include <a.h>\n # include\t\"b/c.h\"\n#include_next \"d.h\"", scanned{quoted: []string{"b/c.h", "d.h"}}},
		{"#embed \"data.bin\" limit(2)\n", scanned{quoted: []string{"data.bin"}}},
		{"#include CONFIG\n", scanned{macro: true}},
		{"#ifdef __has_include\n#if __has_include( <opt.h> ) && __has_include(\"o2.h\")\n#endif",
			scanned{asked: append([]operand{{"opt.h", false}}, quoted("o2.h")...), guesses: append([]operand{{"opt.h", false}}, quoted("o2.h")...)}},
		{"#define HAS(x) __has_include(x)\n#if HAS(<opt.h>)\n",
			scanned{askedBy: true, guesses: []operand{{"opt.h", false}}}},
		{"#define CONF \"conf.h\"\n#if __has_include(CONF)\n", scanned{askedBy: true, guesses: quoted("conf.h")}},
		{"#if __has_embed(\"d.bin\")", scanned{asked: quoted("d.bin"), guesses: quoted("d.bin")}},
		{"#include \"unclosed\n#include <>\n", scanned{macro: true}},
	} {
		if got := scanText([]byte(tt.text)); !reflect.DeepEqual(*got, tt.want) {
			t.Errorf("%q:\n got %+v\nwant %+v", tt.text, *got, tt.want)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte("#if __has_include(<a\n#define X \"\n#include \""))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, op := range scanText(text).asked {
			if op.name == "" {
				t.Fatalf("%q gives an empty operand", text)
			}
		}
	})
}
