package cli

import (
	"context"
	"net"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/RepliBuild/replibuild"
	"github.com/RepliBuild/replibuild/ipc"
)

// clientName is the thin client as it is installed beside this program.
const clientName = "replibuild-cc"

// ccCommand has the compiler's flags behind the compiler's name: they are left alone.
func (a *app) ccCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "cc COMPILER ARGS... | cc OPTION",
		Short: "Run a compiler, or take what it makes from the user's cache",
		Long: "Stands before a compiler, as ccache does. The first time the compiler runs, and all that it\n" +
			"reads is traced; after that the same command in the same folder, with the same inputs, is\n" +
			"answered from the cache of this user. What is not cached runs as it would alone. The program\n" +
			"replibuild-cc does the same. Links to it that have the names of compilers stand for them.\n\n" +
			"With an option in place of a compiler:\n" +
			"  --stats [--json]       what became of commands, and what the cache holds\n" +
			"  --explain [COMPILER ARGS...]   why the last commands, or this one, were not taken from the cache\n" +
			"  --zero                 count from zero\n" +
			"  --clear                empty the cache\n" +
			"  --evict-older-than AGE remove what was not used for so long, such as 30d or 3600s\n" +
			"  --max-size SIZE        how large the cache may be, such as 5G or 500M\n" +
			"  --import-ccache-conf   take max_size from ccache's configuration, and say what the rest comes to here\n" +
			"  --path                 print the path of the thin client",
		Example:            "  replibuild cc g++ -Iinclude -c src/main.cpp -o main.o\n  replibuild cc --stats",
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[0] == "-h" || args[0] == "--help" {
				return cmd.Help()
			}
			if args[0][0] == '-' {
				return a.ccOption(cmd.Context(), args)
			}
			return a.becomeClient(cmd.Context(), args)
		},
	}
}

func (a *app) openUser() (*replibuild.Project, error) {
	return replibuild.OpenUser(replibuild.Options{Env: a.Env})
}

// becomeClient executes the thin client in place of this process. Where there is none, it
// executes the compiler.
func (a *app) becomeClient(ctx context.Context, args []string) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	client, err := a.clientPath(ctx, exe)
	if err != nil {
		return a.becomeCompiler(args)
	}
	return execute(client, append([]string{clientName, "--exe=" + exe}, args...), a.Env)
}

// clientPath is the thin client beside this program, else the one that it brings along.
func (a *app) clientPath(ctx context.Context, exe string) (string, error) {
	if real, err := filepath.EvalSymlinks(exe); err == nil {
		exe = real
	}
	beside := filepath.Join(filepath.Dir(exe), clientName)
	if info, err := os.Stat(beside); err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0 {
		return beside, nil
	}
	p, err := a.openUser()
	if err != nil {
		return "", err
	}
	return p.ThinClient(ctx, exe)
}

// serveLaunch serves the thin client at the other end of standard input.
func (a *app) serveLaunch(ctx context.Context) error {
	stdin, ok := a.Stdin.(*os.File)
	if !ok {
		return ipc.Errorf(ipc.CodeBadRequest, "standard input is no connection")
	}
	nc, err := net.FileConn(stdin)
	if err != nil {
		return ipc.Errorf(ipc.CodeBadRequest, "standard input is no connection: %v", err)
	}
	p, err := a.openUser()
	if err != nil {
		nc.Close()
		return err
	}
	return p.ServeLaunch(ctx, nc)
}

// launchEnv is the environment in which compilers are found behind the launcher. Where that
// cannot be had it is the caller's.
func (a *app) launchEnv(ctx context.Context) []string {
	exe, err := os.Executable()
	if err != nil {
		return a.Env
	}
	p, err := a.openUser()
	if err != nil {
		return a.Env
	}
	client, err := a.clientPath(ctx, exe)
	if err != nil {
		return a.Env
	}
	env, err := p.LaunchEnv(client, exe)
	if err != nil {
		return a.Env
	}
	return env
}
