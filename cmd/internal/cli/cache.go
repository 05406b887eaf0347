package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/internal/words"
	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) cacheCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "cache",
		Short:   "Show, empty or check the cache of compiled objects",
		Example: "  replibuild cache stats\n  replibuild cache clear",
		Args:    subcommand,
		RunE:    func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.cacheStatsCommand(), a.cacheShareCommand(), a.cacheClearCommand(), a.cacheRestoreCommand(), a.cacheVerifyCommand(), a.cachePathCommand())
	return c
}

func (a *app) cacheStatsCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "stats", Short: "Show size, hits and misses with their reasons", Args: noArguments,
		Example: "  replibuild cache stats",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			s, err := p.CacheStats(cmd.Context())
			if err != nil {
				return err
			}
			return a.printCacheStats(s)
		},
	})
}

func (a *app) printCacheStats(s ipc.CacheStatsReply) error {
	if a.json {
		return a.printJSON(struct {
			Schema int `json:"schema"`
			ipc.CacheStatsReply
		}{ipc.Schema, s})
	}
	a.printf("Cache directory: %s\n", s.Dir)
	a.printf("Cache size: %s of %s, %d entries\n", megabytes(s.Bytes), megabytes(s.MaxBytes), s.Entries)
	a.printf("Cache hits: %d\n", s.Hits)
	a.printf("Cache misses: %d\n", s.Misses)
	for _, r := range byCount(s.MissReasons) {
		a.printf("  %6d %s\n", s.MissReasons[r], words.Miss(r))
	}
	a.printf("Stored: %d, evicted: %d, damaged: %d\n", s.Stored, s.Evicted, s.Damaged)
	a.printf("Compile time saved: %s\n", seconds(s.SavedSeconds))
	if s.ReadOnly != "" {
		a.printf("Read-only: %s\n", s.ReadOnly)
	}
	for _, t := range s.Tiers {
		a.printTier(t)
	}
	if s.Sharing != nil {
		a.printSharing(*s.Sharing)
	}
	return nil
}

// capital is a word or phrase at the beginning of a line.
func capital(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// tierState says in one line how a place beyond the project's cache does.
func tierState(t ipc.TierStats) string {
	text := fmt.Sprintf("%d hits, %d stored, %s", t.Hits, t.Stored, t.Place)
	switch {
	case t.Name == ipc.TierFarm && t.State != ipc.TierOff:
		return fmt.Sprintf("%s, %d of %d slots in use, %d compiled there, %d here instead, %s", t.State, t.Running, t.Slots, t.Hits, t.Misses, t.Place)
	case t.Name == ipc.TierFarm:
		return fmt.Sprintf("off: %s, %s", t.Why, t.Place)
	case t.Name != ipc.TierRemote:
		return text
	case t.State == ipc.TierOff:
		return fmt.Sprintf("off: %s, %s", t.Why, t.Place)
	}
	text = fmt.Sprintf("%s, %.1f ms, %s", t.State, t.Latency*1000, text)
	if t.Queue > 0 {
		text += fmt.Sprintf(", %d to upload", t.Queue)
	}
	return text
}

func (a *app) printTier(t ipc.TierStats) {
	a.printf("\n%s: %s\n", capital(words.Tier(t.Name)), t.Place)
	if t.Name == ipc.TierFarm {
		a.printf("  %s\n  time of workers: %s\n", tierState(t), seconds(t.SavedSeconds))
		for _, why := range byCount(t.Kept) {
			a.printf("  %6d compiled here: %s\n", t.Kept[why], why)
		}
		return
	}
	if t.Name == ipc.TierRemote {
		a.printf("  %s\n", tierState(t))
		if t.WhyNot != "" {
			a.printf("  nothing is stored: %s\n", t.WhyNot)
		}
		if t.LostSeconds > 0 {
			a.printf("  the last build: free slots waited %.0f ms in vain\n", t.LostSeconds*1000)
		}
		return
	}
	if t.MaxBytes > 0 {
		a.printf("  size: %s of %s, %d entries\n", megabytes(t.Bytes), megabytes(t.MaxBytes), t.Entries)
	}
	a.printf("  hits: %d, misses: %d, stored: %d\n", t.Hits, t.Misses, t.Stored)
	a.printf("  compile time saved: %s\n", seconds(t.SavedSeconds))
}

func (a *app) printSharing(s ipc.SharingStats) {
	a.printf("Shared: %d, waiting for an idle compile: %d\n", s.Stored, s.Waiting)
	for _, why := range byCount(s.Kept) {
		a.printf("  %6d stay in this folder: %s\n", s.Kept[why], why)
	}
	if len(s.Kept) > 0 {
		a.printf("  docs/sharing.md says what keeps results in their folder, such as debug information, and what to do\n")
	}
}

func (a *app) cacheShareCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "share", Short: "Finish storing results that other folders may use", Args: noArguments,
		Long: "With [cache] shared = true, results are stored where other projects and worktrees of this\n" +
			"user find them. Most have to be compiled once more under another name of their folder first,\n" +
			"to show that the name does not matter. The daemon does that when nothing is built; this\n" +
			"command does it now and says what stays in this folder, and why.",
		Example: "  replibuild cache share",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			r, err := p.ShareCache(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					Schema int `json:"schema"`
					ipc.CacheShareReply
				}{ipc.Schema, r})
			}
			a.printSharing(r.SharingStats)
			return nil
		},
	})
}

// byCount are the names of numbers, the highest first.
func byCount[N cmp.Ordered](numbers map[string]N) []string {
	return slices.SortedFunc(maps.Keys(numbers), func(a, b string) int {
		return cmp.Or(cmp.Compare(numbers[b], numbers[a]), cmp.Compare(a, b))
	})
}

func (a *app) cacheClearCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "clear", Short: "Empty the project's cache", Args: noArguments,
		Example: "  replibuild cache clear",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			r, err := p.ClearCache(cmd.Context())
			if err != nil {
				return err
			}
			if a.json {
				return a.printJSON(struct {
					Schema int `json:"schema"`
					ipc.CacheClearReply
				}{ipc.Schema, r})
			}
			if r.Entries == 0 {
				a.printf("🧹 The cache is empty already\n")
				return nil
			}
			a.printf("🧹 Cleared %s\n", words.Cleared(megabytes(r.Bytes), int(r.Entries)))
			a.printf("   `replibuild cache restore` brings them back within %.0f seconds\n", r.UndoSeconds)
			return nil
		},
	})
}

func (a *app) cacheRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore [TOKEN]", Short: "Undo the last `cache clear` within ten seconds",
		Example: "  replibuild cache restore",
		Args:    atMostOne("TOKEN"),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			token := ""
			if len(args) == 1 {
				token = args[0]
			}
			r, err := p.RestoreCache(cmd.Context(), token)
			if err != nil {
				return err
			}
			a.printf("✅ Restored %s, %s\n", megabytes(r.Bytes), words.Plural(int(r.Entries), "object"))
			return nil
		},
	}
}

func (a *app) cacheVerifyCommand() *cobra.Command {
	var sample int
	var readOnly bool
	c := a.jsonFlag(&cobra.Command{
		Use: "verify", Short: "Check what is stored; exit 5 if anything is damaged or wrong", Args: noArguments,
		Example: "  replibuild cache verify\n  replibuild cache verify --sample 100 --read-only",
		Long: "Reads back what is stored, then makes again, by the plain commands, all that the cache has\n" +
			"for the project's files as they are now: objects, libraries, programs, what steps make, and\n" +
			"the files beside them. What differs from the cache, while two runs agree, is put aside, and\n" +
			"the next build makes it. Commands that do not make the same twice are named.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			r, err := p.VerifyCache(cmd.Context(), sample, !readOnly)
			if err != nil {
				return err
			}
			if err := a.printVerified(r, readOnly); err != nil {
				return err
			}
			if len(r.Damaged)+len(r.Different) > 0 {
				return exitStatus(exitDamaged)
			}
			return nil
		},
	})
	c.Flags().IntVar(&sample, "sample", 0, "check only `N` entries and results chosen at random (0: all)")
	c.Flags().BoolVar(&readOnly, "read-only", false, "only read back, run nothing")
	return c
}

func (a *app) printVerified(r ipc.CacheVerifyReply, readOnly bool) error {
	if a.json {
		return a.printJSON(struct {
			Schema int `json:"schema"`
			ipc.CacheVerifyReply
		}{ipc.Schema, r})
	}
	list := func(lines []string) {
		for _, l := range lines {
			a.printf("  %s\n", l)
		}
	}
	a.printf("Checked %d entries, %d damaged\n", r.Checked, len(r.Damaged))
	list(r.Damaged)
	if readOnly {
		return nil
	}
	a.printf("Made again: %d, different: %d\n", r.Recomputed, len(r.Different))
	list(r.Different)
	if len(r.Unsteady) > 0 {
		a.printf("%d cannot be compared: the plain command does not make the same twice\n", len(r.Unsteady))
		list(r.Unsteady)
	}
	if r.Absent > 0 {
		a.printf("Without a result in the cache for the present inputs: %s\n", words.Plural(int(r.Absent), "action"))
	}
	return nil
}

func (a *app) cachePathCommand() *cobra.Command {
	return &cobra.Command{
		Use: "path", Short: "Print the folder of the project's cache", Args: noArguments,
		Example: "  replibuild cache path",
		RunE: func(*cobra.Command, []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			a.printPath(p.Paths().CacheDir())
			return nil
		},
	}
}
