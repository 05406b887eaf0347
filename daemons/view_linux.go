package daemons

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
)

// ownView names what this process sees under a path, a process ID, a user ID and a port:
// its namespaces, and its root folder. Processes of equal views see the same. It is asked
// once: no process of ours changes its own.
var ownView = sync.OnceValue(func() string { return viewOf("self") })

// viewOf is that of a process, by its name in /proc.
func viewOf(process string) string {
	var b strings.Builder
	for _, kind := range []string{"mnt", "pid", "user", "net"} {
		name, _ := os.Readlink("/proc/" + process + "/ns/" + kind)
		b.WriteString(name + " ")
	}
	var root syscall.Stat_t
	_ = syscall.Stat("/proc/"+process+"/root", &root)
	fmt.Fprintf(&b, "root:[%d:%d]", root.Dev, root.Ino)
	return b.String()
}
