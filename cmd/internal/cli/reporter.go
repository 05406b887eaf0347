package cli

import (
	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// reporter shows a build while it runs. event is called in order and never
// concurrently; done once, after the last event.
type reporter interface {
	event(ipc.Event)
	done(replibuild.Result, error, bool)
}

func (a *app) newReporter(verbose bool) reporter {
	if a.json {
		return jsonReporter{a}
	}
	return &textReporter{app: a, verbose: verbose, progress: newProgress(a)}
}

// jsonReporter prints every event as one line.
type jsonReporter struct{ app *app }

func (r jsonReporter) event(e ipc.Event) { r.app.printJSON(e) }

func (r jsonReporter) done(result replibuild.Result, err error, detached bool) {
	if detached && err == nil {
		r.app.printJSON(struct {
			Schema int    `json:"schema"`
			Event  string `json:"event"`
			Build  string `json:"build"`
		}{ipc.Schema, "build_detached", result.Build})
	}
}
