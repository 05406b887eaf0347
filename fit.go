package replibuild

import (
	"errors"

	"github.com/RepliBuild/replibuild/ipc"
)

// unfit says why the daemons cannot serve a caller although they run: they see other
// files than this process, or have lower limits than the caller. The build is then made
// in this process.
func (p *Project) unfit(c *ipc.Caller) *ipc.Notice {
	err := p.supervisor().Unfit(c, ipc.NameOrchestrator, ipc.NameCompilation)
	if err == nil {
		return nil
	}
	n := ipc.Notice{Level: "warning", Code: ipc.CodeOf(err), Message: err.Error() + "; building in this process"}
	if e := (*ipc.Error)(nil); errors.As(err, &e) {
		n.Hint = e.Hint
	}
	return &n
}
