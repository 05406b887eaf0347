package words

import (
	"strings"
	"testing"

	"github.com/RepliBuild/replibuild/internal/environment"
)

func TestEnvironment(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ old, now, want string }{
		{environment.Unset, "=1", `X is "1", it was not set`},
		{"=1", environment.Unset, `X is not set, it was "1"`},
		{"=", "=2", `X is "2", it was ""`},
		{"#1", "#2", "X is another value, it was another value"},
		{"=\x1b[31m\n", "=b", `X is "b", it was "\x1b[31m\n"`},
	} {
		if got := Environment(environment.Difference("X", tt.old, tt.now)).Text; got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
	r := Environment(environment.Difference("X\x1b", "="+strings.Repeat("é", 100), "=1"))
	if len(r.Old) > maxShown+len("…") || strings.ContainsAny(r.Text, "\x1b\ufffd") {
		t.Errorf("%+v", r)
	}
}
