package cli

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) psCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use:   "ps",
		Short: "List the daemons of all projects",
		Long: "Lists every project of yours whose daemons run or crashed: its folder, their states, PIDs,\n" +
			"memory and uptime. It works in any folder.",
		Example: "  replibuild ps\n  replibuild ps --json",
		Args:    noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			projects, err := replibuild.Projects(replibuild.Options{Env: a.Env})
			if err != nil {
				return err
			}
			sets := make([]ipc.SetStatus, len(projects))
			var wg sync.WaitGroup
			for i, p := range projects {
				wg.Go(func() { sets[i] = p.Status(cmd.Context()) })
			}
			wg.Wait()
			return a.printSets(sets)
		},
	})
}

func (a *app) printSets(sets []ipc.SetStatus) error {
	if a.json {
		return a.printJSON(struct {
			Schema int             `json:"schema"`
			Sets   []ipc.SetStatus `json:"sets"`
		}{ipc.Schema, sets})
	}
	if len(sets) == 0 {
		a.printf("No daemons run\n")
		return nil
	}
	rows := [][4]string{{"PROJECT", "STATE", "MEMORY", "UPTIME"}}
	pids := []string{"PIDS"}
	for _, set := range sets {
		rows = append(rows, setRow(set))
		pids = append(pids, setPIDs(set))
	}
	var widths [4]int
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], len(cell))
		}
	}
	for i, row := range rows {
		for column, cell := range row {
			a.printf("%-*s  ", widths[column], cell)
		}
		a.printf("%s\n", pids[i])
	}
	return nil
}

func setRow(set ipc.SetStatus) [4]string {
	var memory int64
	var uptime float64
	for _, d := range set.Daemons {
		memory += d.RSS
		uptime = max(uptime, d.Uptime)
	}
	return [4]string{set.Project, setState(set), megabytes(memory), words.Duration(time.Duration(uptime * float64(time.Second)))}
}

// setState counts the daemons of each state: "4 running", "3 running, 1 crashed".
func setState(set ipc.SetStatus) string {
	var order []string
	count := map[string]int{}
	for _, d := range set.Daemons {
		if count[d.State] == 0 {
			order = append(order, d.State)
		}
		count[d.State]++
	}
	for i, state := range order {
		order[i] = fmt.Sprintf("%d %s", count[state], state)
	}
	return strings.Join(order, ", ")
}

func setPIDs(set ipc.SetStatus) string {
	var pids []string
	for _, d := range set.Daemons {
		if d.PID != 0 {
			pids = append(pids, fmt.Sprint(d.PID))
		}
	}
	return strings.Join(pids, " ")
}
