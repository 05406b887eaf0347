package driverline

import "testing"

func TestOptionsByOtherWays(t *testing.T) {
	t.Parallel()
	for text, keeps := range map[string]bool{
		"": true, "# -save-temps\n--gcc-triple=x86_64-redhat-linux\n-I /a -DX -lm\n": true,
		"-grecord-command-line": false, "-O2\n-gsplit-dwarf\n": false, "@more.cfg": false, "-Wa,-a=list": false,
	} {
		if ConfigKeepsNames(text) != keeps {
			t.Errorf("%q: %v", text, !keeps)
		}
	}
	for kv, adds := range map[string]bool{"CCC_OVERRIDE_OPTIONS=+-save-temps": true, "CC_PRINT_OPTIONS=": true, "CC=gcc": false, "CC_FOO=1": false} {
		if AddsOptions([]string{"A=b", kv}) != adds {
			t.Errorf("%s: %v", kv, !adds)
		}
	}
}
