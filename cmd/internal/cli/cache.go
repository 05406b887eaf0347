package cli

import (
	"fmt"
	"sort"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild/ipc"
)

func (a *app) cacheCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "cache",
		Short: "Show, empty or check the cache of compiled objects",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	c.AddCommand(a.cacheStatsCommand(), a.cacheClearCommand(), a.cacheRestoreCommand(), a.cacheVerifyCommand(), a.cachePathCommand())
	return c
}

func (a *app) cacheStatsCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "stats", Short: "Show size, hits and misses with their reasons", Args: cobra.NoArgs,
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
	fmt.Fprintf(a.Stdout, "Cache directory: %s\n", s.Dir)
	fmt.Fprintf(a.Stdout, "Cache size: %s of %s, %d entries\n", megabytes(s.Bytes), megabytes(s.MaxBytes), s.Entries)
	fmt.Fprintf(a.Stdout, "Cache hits: %d\n", s.Hits)
	fmt.Fprintf(a.Stdout, "Cache misses: %d\n", s.Misses)
	reasons := make([]string, 0, len(s.MissReasons))
	for r := range s.MissReasons {
		reasons = append(reasons, r)
	}
	sort.Slice(reasons, func(i, j int) bool {
		if s.MissReasons[reasons[i]] != s.MissReasons[reasons[j]] {
			return s.MissReasons[reasons[i]] > s.MissReasons[reasons[j]]
		}
		return reasons[i] < reasons[j]
	})
	for _, r := range reasons {
		fmt.Fprintf(a.Stdout, "  %-13s %d\n", r, s.MissReasons[r])
	}
	fmt.Fprintf(a.Stdout, "Stored: %d, evicted: %d, damaged: %d\n", s.Stored, s.Evicted, s.Damaged)
	fmt.Fprintf(a.Stdout, "Compile time saved: %s\n", seconds(s.SavedSeconds))
	if s.ReadOnly != "" {
		fmt.Fprintf(a.Stdout, "Read-only: %s\n", s.ReadOnly)
	}
	return nil
}

func (a *app) cacheClearCommand() *cobra.Command {
	return a.jsonFlag(&cobra.Command{
		Use: "clear", Short: "Empty the project's cache", Args: cobra.NoArgs,
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
			fmt.Fprintf(a.Stdout, "🧹 Cleared %s, %d objects\n", megabytes(r.Bytes), r.Entries)
			fmt.Fprintf(a.Stdout, "   `replibuild cache restore %s` undoes it for %.0f seconds\n", r.Token, r.UndoSeconds)
			return nil
		},
	})
}

func (a *app) cacheRestoreCommand() *cobra.Command {
	return &cobra.Command{
		Use: "restore TOKEN", Short: "Undo `cache clear` within its seconds", Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			r, err := p.RestoreCache(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(a.Stdout, "✅ Restored %s, %d objects\n", megabytes(r.Bytes), r.Entries)
			return nil
		},
	}
}

func (a *app) cacheVerifyCommand() *cobra.Command {
	var sample int
	c := a.jsonFlag(&cobra.Command{
		Use: "verify", Short: "Read back what is stored; exit 5 if anything is damaged", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			r, err := p.VerifyCache(cmd.Context(), sample)
			if err != nil {
				return err
			}
			if a.json {
				err = a.printJSON(struct {
					Schema int `json:"schema"`
					ipc.CacheVerifyReply
				}{ipc.Schema, r})
			} else {
				fmt.Fprintf(a.Stdout, "Checked %d entries, %d damaged\n", r.Checked, len(r.Damaged))
				for _, d := range r.Damaged {
					fmt.Fprintf(a.Stdout, "  %s\n", d)
				}
			}
			if err == nil && len(r.Damaged) > 0 {
				return exitStatus(exitDamaged)
			}
			return err
		},
	})
	c.Flags().IntVar(&sample, "sample", 0, "check only `N` entries chosen at random (0: all)")
	return c
}

func (a *app) cachePathCommand() *cobra.Command {
	return &cobra.Command{
		Use: "path", Short: "Print the folder of the project's cache", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			p, err := a.open()
			if err != nil {
				return err
			}
			fmt.Fprintln(a.Stdout, p.Paths().CacheDir())
			return nil
		},
	}
}
