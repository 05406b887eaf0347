package remotecache

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/RepliBuild/replibuild/internal/remotewire"
)

// faultOf is the fault in an error, nil if there is none.
func faultOf(err error) *remotewire.Fault {
	var f *remotewire.Fault
	errors.As(err, &f)
	return f
}

// causes say for people what is wrong, and what to do about it. %s is the detail, if it says
// more than the cause.
var causes = map[string]string{
	remotewire.CauseConfig:          "it cannot be used: %s; correct the file that says so",
	remotewire.CauseNoHost:          "its host is not known: %s; correct the URL, or look at the network",
	remotewire.CauseRefused:         "it cannot be reached: %s",
	remotewire.CauseTimeout:         "it does not answer in time; a larger remote.timeout gives it more",
	remotewire.CauseCertificate:     "its certificate is not valid: %s; tls_ca in config.toml names those to trust",
	remotewire.CauseTLS:             "there is no secure connection: %s",
	remotewire.CauseUnauthenticated: "it wants other credentials: %s; headers in config.toml hold them",
	remotewire.CauseDenied:          "it refuses access: %s",
	remotewire.CauseReadOnly:        "it stores nothing from here: %s",
	remotewire.CauseInstance:        "it does not know the instance: %s; correct remote.instance",
	remotewire.CauseDigest:          "it does not work with SHA-256: %s",
	remotewire.CauseProtocol:        "its answers cannot be used: %s; is the URL that of a cache?",
	remotewire.CauseDamaged:         "it returns damaged content: %s",
	remotewire.CauseFull:            "it is full or limits what may be stored: %s",
	remotewire.CauseServer:          "it reports an error: %s",
	remotewire.CauseHelper:          "it cannot be asked: %s",
	remotewire.CauseExecution:       "it executes no commands: %s",
	remotewire.CauseWorker:          "%s",
}

// detail is what is wrong with the server, in words.
func detail(f *remotewire.Fault) string {
	form := causes[f.Cause]
	if form == "" {
		form = "it failed: %s"
	}
	return strings.Replace(form, "%s", f.Text, 1)
}

// faultText says why a build goes on without the server.
func faultText(origin string, f *remotewire.Fault) string {
	if f.Cause == remotewire.CauseDamaged {
		return fmt.Sprintf("the remote cache %s: %s; what is damaged is made here", origin, detail(f))
	}
	return fmt.Sprintf("the remote cache %s: %s; the build goes on without it", origin, detail(f))
}

// farmText says why commands are not executed by a server.
func farmText(origin string, f *remotewire.Fault) string {
	why := detail(f)
	if f.Cause == remotewire.CauseTimeout {
		why = "it does not answer in time"
	}
	return fmt.Sprintf("the build farm %s: %s; what it does not compile is compiled here", origin, why)
}

// uploadText says why nothing is stored on the server.
func uploadText(origin string, f *remotewire.Fault) string {
	return fmt.Sprintf("nothing is stored in the remote cache %s: %s", origin, detail(f))
}

func budgetText(origin string, lost time.Duration) string {
	return fmt.Sprintf("the remote cache %s brought nothing in %.1f s; the build goes on without it", origin, lost.Seconds())
}
