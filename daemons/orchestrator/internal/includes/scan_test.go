package includes

import (
	"slices"
	"testing"
)

func TestScan(t *testing.T) {
	t.Parallel()
	got := scan([]byte(`#include "a.h" // b.h
  #  include <x/y.h>
/* #include "no.h"
#include "no.h" */ #include "after.h"
int x; /* y */ #include "within.h"
#include_next <z.h>
#import "i.h"
#define X "no.h"
#include CONFIG
#includes "no.h"
#include
#include "unended
#
`))
	want := []Directive{
		{Name: "a.h", Quoted: true}, {Name: "x/y.h"}, {Name: "after.h", Quoted: true}, {Name: "z.h", Next: true}, {Name: "i.h", Quoted: true},
	}
	if !slices.Equal(got.Directives, want) || !got.Macro {
		t.Errorf("got %+v, want %+v and a macro", got, want)
	}
}
