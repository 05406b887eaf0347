package jobserver

import "testing"

func TestAuth(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flags, auth string
		known       bool
	}{
		{"", "", false},
		{"kn -j8", "", false},
		{" -j8 --jobserver-auth=3,4", "3,4", true},
		{"w -j8 --jobserver-auth=fifo:/tmp/GMfifo1 --sync-method=fnctl", "fifo:/tmp/GMfifo1", true},
		{"--jobserver-fds=5,6 -j", "5,6", true},
		{"-j --jobserver-auth=3,4 --jobserver-auth=5,6", "5,6", true},
		{"-j8 -- A=--jobserver-auth=3,4", "", false},
	} {
		if auth, known := Auth(tt.flags); auth != tt.auth || known != tt.known {
			t.Errorf("%q: %q, %v", tt.flags, auth, known)
		}
	}
}
