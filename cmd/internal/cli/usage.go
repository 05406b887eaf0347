package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/RepliBuild/replibuild/internal/editdistance"
	"github.com/RepliBuild/replibuild/ipc"
)

// usageError is a mistake in the command line.
func usageError(format string, args ...any) *ipc.Error {
	return ipc.Errorf(ipc.CodeBadRequest, format, args...).WithHint("`replibuild help` lists commands and flags")
}

// wantsJSON reports whether --json is on the command line. Where flags cannot be parsed
// nothing else says so.
func (a *app) wantsJSON() bool {
	args := a.Args
	if i := slices.Index(args, "--"); i >= 0 {
		args = args[:i]
	}
	return a.json || slices.Contains(args, "--json")
}

// flagError says in plain words what is wrong with a flag.
func flagError(cmd *cobra.Command, err error) error {
	var invalid *pflag.InvalidValueError
	var unknown *pflag.NotExistError
	var bare *pflag.ValueRequiredError
	help := fmt.Sprintf("`%s --help` lists its flags", cmd.CommandPath())
	switch {
	case errors.As(err, &invalid):
		return usageError("%s wants %s, not %q", flagName(invalid.GetFlag()), kindOf(invalid.GetFlag()), invalid.GetValue()).WithHint("%s", help)
	case errors.As(err, &bare):
		return usageError("%s needs a value", flagName(bare.GetFlag())).WithHint("%s", help)
	case errors.As(err, &unknown) && unknown.GetSpecifiedShortnames() == "":
		if near := editdistance.Nearest(unknown.GetSpecifiedName(), flagNames(cmd)); near != "" {
			help = "did you mean --" + near + "?"
		}
		return usageError("%s has no flag --%s", cmd.CommandPath(), unknown.GetSpecifiedName()).WithHint("%s", help)
	}
	return usageError("%v", err).WithHint("%s", help)
}

func flagName(f *pflag.Flag) string {
	if f.Shorthand != "" {
		return "-" + f.Shorthand
	}
	return "--" + f.Name
}

func kindOf(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "int", "float64":
		return "a number"
	case "duration":
		return "a duration such as 10s or 2m"
	case "bool":
		return "true or false"
	}
	return "another value"
}

func flagNames(cmd *cobra.Command) (names []string) {
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	return names
}

// checkNumbers refuses negative numbers, which no flag takes.
func checkNumbers(cmd *cobra.Command, _ []string) (err error) {
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if kind := f.Value.Type(); kind != "int" && kind != "float64" && kind != "duration" {
			return
		}
		if text := f.Value.String(); strings.HasPrefix(text, "-") || text == "NaN" || strings.HasSuffix(text, "Inf") {
			err = usageError("%s wants %s that is not negative, not %s", flagName(f), kindOf(f), text).
				WithHint("`%s --help` lists its flags", cmd.CommandPath())
		}
	})
	return err
}

// noArguments is for a command that takes none.
func noArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return usageError("%s takes no arguments, but got %q", cmd.CommandPath(), args[0]).
		WithHint("`%s --help` shows how to use it", cmd.CommandPath())
}

// oneArgument is for a command that needs one thing, called what.
func oneArgument(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return usageError("%s needs a %s", cmd.CommandPath(), what).WithHint("for example: %s", firstExample(cmd))
		}
		return atMostOne(what)(cmd, args)
	}
}

// atMostOne is for a command that takes one thing, called what, or none.
func atMostOne(what string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) <= 1 {
			return nil
		}
		return usageError("%s takes one %s, but got %d", cmd.CommandPath(), what, len(args)).
			WithHint("for example: %s", firstExample(cmd))
	}
}

// firstExample is the first line of a command's examples.
func firstExample(cmd *cobra.Command) string {
	line, _, _ := strings.Cut(strings.TrimSpace(cmd.Example), "\n")
	line, _, _ = strings.Cut(line, " #")
	return strings.TrimSpace(line)
}

// subcommand reports a wrong argument of a command that only has subcommands.
func subcommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return unknownCommand(cmd, args[0])
}

func unknownCommand(parent *cobra.Command, name string) error {
	var names []string
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			names = append(names, c.Name())
		}
	}
	err := usageError("%s has no command %s", parent.CommandPath(), strconv.Quote(name))
	if near := suggestion(name, names); near != "" {
		return err.WithHint("did you mean `%s %s`?", parent.CommandPath(), near)
	}
	return err.WithHint("`%s --help` lists the commands", parent.CommandPath())
}

// suggestion is the name that a word was probably meant to be: the only one that it is
// the beginning of, or the one that is spelled most like it.
func suggestion(word string, names []string) string {
	long := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return !strings.HasPrefix(n, word) })
	if len(long) == 1 && len(word) > 1 {
		return long[0]
	}
	return editdistance.Nearest(word, names)
}

// helpCommand is `help`. Unlike cobra's it fails for a command that there is not.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Show how to use a command",
		Example: "  replibuild help\n  replibuild help cache stats",
		RunE: func(cmd *cobra.Command, args []string) error {
			found, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownCommand(found, rest[0])
			}
			found.InitDefaultHelpFlag()
			return found.Help()
		},
	}
}
