package environment

import (
	"slices"
	"strings"
	"unicode"
)

// normalised are variables that say how output is to look, or belong to a make or ninja
// that asks for the build. Commands do not get them: what one prints is kept, and shown to
// callers of all kinds.
var normalised = slices.Concat(looks, ofBuilders)

// looks say how output is to look.
var looks = []string{
	"TERM", "COLORTERM", "COLORFGBG", "COLUMNS", "LINES", "CLICOLOR", "CLICOLOR_FORCE", "NO_COLOR", "FORCE_COLOR", "GCC_COLORS", "GREP_COLOR", "GREP_COLORS",
}

// ofBuilders are what make and ninja tell their commands. They change with -j, -C, the depth of a make
// in a make, and, since make 4.4, with each build.
var ofBuilders = []string{
	"MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MAKE_TERMOUT", "MAKE_TERMERR", "CARGO_MAKEFLAGS", "NINJA_STATUS",
}

func isNormalised(name string) bool { return slices.Contains(normalised, name) }

// session are variables that say from where a build is asked for, and not what is built:
// of what a shell or an interpreter may read they do not count. What a program asks for by
// name does.
var session = []string{
	// the shell itself
	"_", "PWD", "OLDPWD", "SHLVL", "PS0", "PS1", "PS2", "PS3", "PS4", "PROMPT", "PROMPT_COMMAND", "PROMPT_DIRTRIM", "HISTFILE", "HISTSIZE", "HISTFILESIZE", "HISTCONTROL", "HISTIGNORE", "HISTTIMEFORMAT", "MAIL", "MAILCHECK", "MAILPATH", "MOTD_SHOWN", "TMOUT", "BASH_EXECUTION_STRING",
	"LS_COLORS", "LSCOLORS", "LESS*", "MORE", "PAGER", "MANPAGER", "GIT_PAGER", "MANPATH", "INFOPATH", "STARSHIP_*", "POWERLINE_*", "DIRENV_*", "ZSH", "ZSH_*", "FISH_*", "OMP_CACHE_DIR", "__fish_*",
	// terminals
	"TERM_*", "TERMCAP", "TERMINFO*", "VTE_VERSION", "WINDOWID", "WINDOWPATH", "KONSOLE_*", "PROFILEHOME", "ITERM_*", "LC_TERMINAL*", "ALACRITTY_*", "KITTY_*", "WEZTERM_*", "GHOSTTY_*",
	"TILIX_ID", "TERMINATOR_*", "GNOME_TERMINAL_*", "WT_SESSION", "WT_PROFILE_ID", "XTERM_*", "TMUX*", "STY", "WINDOW", "ZELLIJ*", "SHELL_SESSION_*", "SECURITYSESSIONID",
	// window systems
	"DISPLAY", "WAYLAND_*", "XAUTHORITY", "XDG_SESSION_*", "XDG_SEAT*", "XDG_VTNR", "XDG_CURRENT_DESKTOP", "XDG_MENU_PREFIX", "XDG_RUNTIME_DIR", "XDG_GREETER_DATA_DIR",
	"DESKTOP_SESSION", "DESKTOP_STARTUP_ID", "DESKTOP_AUTOSTART_ID", "GDMSESSION", "GDM_LANG", "GNOME_DESKTOP_SESSION_ID", "GNOME_SHELL_SESSION_MODE", "GNOME_SETUP_DISPLAY", "GNOME_KEYRING_*",
	"KDE_FULL_SESSION", "KDE_SESSION_*", "KDE_APPLICATIONS_*", "GTK_MODULES", "GTK_IM_MODULE", "GTK_RC_FILES", "GTK2_RC_FILES", "QT_IM_MODULE", "QT_IM_MODULES", "QT_ACCESSIBILITY", "QT_QPA_PLATFORMTHEME",
	"QT_AUTO_SCREEN_SCALE_FACTOR", "QT_SCALE_FACTOR", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON", "XMODIFIERS", "XCURSOR_*", "IM_CONFIG_*", "SESSION_MANAGER", "DBUS_*", "AT_SPI_*", "GJS_*", "I3SOCK", "SWAYSOCK", "HYPRLAND_*",
	"PULSE_SERVER", "WSL_*", "WSLENV", "WSL2_GUI_APPS_ENABLED",
	// logins: SSH, agents, sudo
	"SSH_*", "SSH2_*", "GPG_AGENT_INFO", "GPG_TTY", "GNUPG_*", "KRB5CCNAME", "SUDO_*", "LOGIN_*", "XRDP_*",
	// editors and their terminals
	"EDITOR", "VISUAL", "GIT_EDITOR", "GIT_ASKPASS", "VSCODE_*", "CURSOR_*", "ELECTRON_*", "CHROME_DESKTOP", "ORIGINAL_XDG_CURRENT_DESKTOP", "VIM", "VIMRUNTIME", "MYVIMRC", "NVIM*",
	"INSIDE_EMACS", "EMACS*", "IDEA_*", "JETBRAINS_*", "CLION_*", "QTC_*", "FC_FONTATIONS",
	// what starts services and jobs
	"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_*", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "NOTIFY_SOCKET", "MANAGERPID*", "MEMORY_PRESSURE_*", "WATCHDOG_*", "INIT_VERSION", "RUNLEVEL", "UPSTART_*",
	// temporary files, and ourselves
	"TMPDIR", "TMP", "TEMP", "TEMPDIR", "REPLIBUILD_*",
}

// These are never changed.
var (
	sessionPatterns  = newPatterns(session)
	planPatterns     = newPatterns(ofPlans)
	compilerPatterns = newPatterns(ofCompilers)
)

// IsSession reports variables that say from where a build is asked for. Of the whole
// environment they do not count; nor do names without a letter, which some shells drop.
func IsSession(name string) bool {
	return sessionPatterns.match(name) || !strings.ContainsFunc(name, unicode.IsLetter)
}

// Session lists the patterns of [IsSession], Normalised the variables that commands do not
// get, for the documentation.
func Session() []string { return slices.Clone(session) }

// Normalised is described at [Session].
func Normalised() []string { return slices.Clone(normalised) }

// Looks are the normalised variables that say how output is to look.
func Looks() []string { return slices.Clone(looks) }

// OfBuilders are the normalised variables that make and ninja set.
func OfBuilders() []string { return slices.Clone(ofBuilders) }

// unasked are names that say nothing when a process asks for them: PWD is what
// [ForCommands] makes it; the place for temporary files does not change results; PATH
// counts where a program runs that does not belong to the toolchain, and is added there;
// the loader's variables are inputs of every process.
var unasked = []string{"PWD", "OLDPWD", "PATH", "TMPDIR", "TMP", "TEMP", "TEMPDIR", "LD_PRELOAD", "_"}

// Counts reports whether a variable is an input of a process that asks for it by name.
func Counts(name string) bool { return !isNormalised(name) && !slices.Contains(unasked, name) }

// ForCommands is the environment of the commands of a build: that of the caller, without
// what is normalised. PWD is the folder in which they run: compilers take its name from
// there if it names it.
func ForCommands(env []string, dir string) []string {
	out := make([]string, 0, len(env)+1)
	for _, kv := range env {
		if name, _, ok := strings.Cut(kv, "="); ok && name != "" && name != "PWD" && !isNormalised(name) {
			out = append(out, kv)
		}
	}
	return append(out, "PWD="+dir)
}

// ofCompilers are the variables that change what compilers, linkers and archivers make, as
// far as they are documented (gcc's "Environment Variables", clang(1), ld(1)). They count
// where nothing can be traced.
var ofCompilers = []string{
	"CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH", "OBJC_INCLUDE_PATH", "OBJCPLUS_INCLUDE_PATH",
	"LIBRARY_PATH", "LD_RUN_PATH", "COMPILER_PATH", "GCC_EXEC_PREFIX", "GCC_COMPARE_DEBUG", "GCC_ROOT", "LPATH",
	"SOURCE_DATE_EPOCH", "SDKROOT", "MACOSX_DEPLOYMENT_TARGET", "IPHONEOS_DEPLOYMENT_TARGET", "TVOS_DEPLOYMENT_TARGET", "WATCHOS_DEPLOYMENT_TARGET",
	"XROS_DEPLOYMENT_TARGET", "DRIVERKIT_DEPLOYMENT_TARGET", "CCC_OVERRIDE_OPTIONS", "CLANG_CONFIG_FILE_*", "CLANG_NO_DEFAULT_CONFIG",
	"DEPENDENCIES_OUTPUT", "SUNPRO_DEPENDENCIES", "COLLECT_NO_DEMANGLE", "GNUTARGET", "LDEMULATION", "LLVM_OVERRIDE_PRODUCER", "ZERO_AR_DATE",
}

// OfCompilers lists the variables that compilers are known to read, as patterns of
// [Variables.Text].
func OfCompilers() []string { return slices.Clone(ofCompilers) }

// ofPlans are the variables by which compilers and libraries are found, and that change
// what they answer when they are asked what they are.
var ofPlans = []string{
	"PATH", "CC", "CXX", "AR", "LD", "CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "LD_LIBRARY_PATH",
	"PKG_CONFIG*", "REPLIBUILD_MODULE_PATH", "*_DEPLOYMENT_TARGET",
}

// ForPlan cuts an environment to the variables that a plan depends on, sorted, the last of
// several equal keys. Where a compiler is a script or another wrapper it depends on more:
// see [PlanDigest].
func ForPlan(env []string) []string {
	last := make(map[string]string)
	for _, kv := range env {
		if name, _, ok := strings.Cut(kv, "="); ok && (planPatterns.match(name) || compilerPatterns.match(name)) {
			last[name] = kv
		}
	}
	out := make([]string, 0, len(last))
	for _, kv := range last {
		out = append(out, kv)
	}
	slices.Sort(out)
	return out
}
