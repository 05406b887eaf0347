package cli

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

// serverPatience is how long the doctor waits for a remote cache: longer than a build does, to
// tell a slow server from a dead one.
const serverPatience = 5 * time.Second

// checkPlanSharing says where results are shared, and what debuggers have to be told.
func checkPlanSharing(p *replibuild.Project, plan *ipc.Plan) (all []finding) {
	if plan.Sharing.Shared {
		all = append(all, finding{words.Tier(ipc.TierShared), levelOK, p.Paths().SharedDir(), ""})
	}
	if plan.DebugRoot != "" {
		all = append(all,
			finding{"debug paths", levelOK, "debug information calls this folder " + plan.DebugRoot + "; for gdb:", fmt.Sprintf("set substitute-path %s %s", plan.DebugRoot, plan.Root)},
			finding{"debug paths", levelOK, "for lldb:", fmt.Sprintf("settings set target.source-map %s %s", plan.DebugRoot, plan.Root)})
	}
	return all
}

// checkSharing looks at the places beyond the project's cache, if there are any.
func checkSharing(ctx context.Context, p *replibuild.Project) (all []finding) {
	if st, err := p.CacheStats(ctx); err == nil && st.RemoteOff != "" {
		all = append(all, finding{words.Tier(ipc.TierRemote), levelWarning, "turned off for this project: " + st.RemoteOff, "docs/remote.md says what to do"})
	}
	ctx, cancel := context.WithTimeout(ctx, serverPatience)
	defer cancel()
	all = append(all, checkFarm(ctx, p)...)
	t, why := p.CheckRemote(ctx)
	if t.Place == "" {
		if why != replibuild.NoRemoteCache {
			all = append(all, finding{words.Tier(ipc.TierRemote), levelWarning, why, "docs/remote.md says how to allow it"})
		}
		return all
	}
	return append(all, serverFinding(t, why))
}

// checkFarm says whether the server that executes commands answers, if the project names one.
func checkFarm(ctx context.Context, p *replibuild.Project) []finding {
	check := words.Tier(ipc.TierFarm)
	t, why := p.CheckFarm(ctx)
	switch {
	case why == replibuild.NoFarm:
		return nil
	case t.Place == "":
		return []finding{{check, levelWarning, why, "docs/remote.md says how to allow it"}}
	case t.State != ipc.TierOn || !t.MayExecute:
		return []finding{{check, levelWarning, fmt.Sprintf("%s is not used: %s", t.Place, cmp.Or(t.Why, "it did not answer in time")), "builds compile here; docs/remote.md says what can be wrong"}}
	}
	return []finding{{check, levelOK, fmt.Sprintf("%s answers in %.1f ms and executes commands: %s", t.Place, t.Latency*1000, why), ""}}
}

// serverFinding says whether a server answers and what it allows.
func serverFinding(t ipc.TierStats, why string) finding {
	check := words.Tier(ipc.TierRemote)
	if t.State != ipc.TierOn {
		return finding{check, levelWarning, fmt.Sprintf("%s is not used: %s", t.Place, cmp.Or(t.Why, "it did not answer in time")), "builds go on without it; docs/remote.md says what can be wrong"}
	}
	text := fmt.Sprintf("%s answers in %.1f ms, %s", t.Place, t.Latency*1000, why)
	if t.MayWrite || t.WhyNot == "" {
		return finding{check, levelOK, text, ""}
	}
	return finding{check, levelOK, text + "; nothing is stored: " + t.WhyNot, ""}
}
