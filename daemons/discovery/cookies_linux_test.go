package discovery

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
)

func TestCookieThatDoesNotCome(t *testing.T) {
	t.Parallel()
	tr := newTree(t, func(c *Config) {
		c.cookieWait = 50 * time.Millisecond
		c.wrapAdd = func(w *fsnotify.Watcher) func(string) error {
			return func(dir string) error {
				if strings.HasSuffix(dir, "cookies") {
					return nil // as if watched
				}
				return w.Add(dir)
			}
		}
	})
	tr.unit()
	if r := tr.expect(); r.Mode != modeStat {
		t.Errorf("mode %s without a cookie", r.Mode)
	}
	if st := tr.stats(); st.CookieTimeouts != 1 {
		t.Errorf("%+v: want one timeout", st)
	}
}

// TestCookieFolderDeleted is `rm -rf .replibuild/state` while the daemon runs.
func TestCookieFolderDeleted(t *testing.T) {
	t.Parallel()
	tr := newTree(t, nil)
	tr.unit()
	for i := range 5 {
		for os.RemoveAll(tr.abs(".replibuild")) != nil { // the state may just be written
		}
		tr.write("inc/a.h", fmt.Sprint(i))
		if r := tr.expect("app:src/main.cpp: changed inc/a.h"); r.Mode != modeWatch {
			t.Errorf("mode %s after the cookies' folder was deleted", r.Mode)
		}
	}
}
