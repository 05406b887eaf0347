package ninjabuild

import (
	"fmt"
	"strings"
)

// flagSpec are the options that a command line may have: letters, with ':' behind those
// that take a value, and long names with their letters. Options and other arguments may
// come in any order, as with GNU's getopt_long.
type flagSpec struct {
	letters string
	long    []longFlag
}

// longFlag is an option with two dashes.
type longFlag struct {
	name   string
	letter rune
	value  bool
}

// flagSet reads options one by one.
type flagSet struct {
	flagSpec
	args  []string
	rest  []string // arguments that are no options
	group string   // letters behind one dash that were not read yet
}

// next returns the next option. done says that there is none.
func (f *flagSet) next() (letter rune, value string, done bool, err error) {
	for f.group == "" {
		if len(f.args) == 0 {
			return 0, "", true, nil
		}
		arg := f.args[0]
		f.args = f.args[1:]
		switch {
		case arg == "--":
			f.rest, f.args = append(f.rest, f.args...), nil
		case strings.HasPrefix(arg, "--"):
			letter, value, err := f.longOption(arg[2:])
			return letter, value, false, err
		case strings.HasPrefix(arg, "-") && arg != "-":
			f.group = arg[1:]
		default:
			f.rest = append(f.rest, arg)
		}
	}
	c := f.group[:1]
	f.group = f.group[1:]
	at := strings.Index(f.letters, c)
	if c == ":" || at < 0 {
		return 0, "", false, fmt.Errorf("invalid option -- '%s'", c)
	}
	if !strings.HasPrefix(f.letters[at+1:], ":") {
		return rune(c[0]), "", false, nil
	}
	if value, f.group = f.group, ""; value == "" {
		if len(f.args) == 0 {
			return 0, "", false, fmt.Errorf("option requires an argument -- '%s'", c)
		}
		value, f.args = f.args[0], f.args[1:]
	}
	return rune(c[0]), value, false, nil
}

// longOption finds an option by its name, or the beginning of it.
func (f *flagSet) longOption(text string) (letter rune, value string, err error) {
	name, value, hasValue := strings.Cut(text, "=")
	var found *longFlag
	for i := range f.long {
		if l := &f.long[i]; l.name == name {
			found = l
			break
		} else if strings.HasPrefix(l.name, name) {
			if found != nil {
				return 0, "", fmt.Errorf("option '--%s' is ambiguous", name)
			}
			found = l
		}
	}
	switch {
	case found == nil:
		return 0, "", fmt.Errorf("unrecognized option '--%s'", name)
	case hasValue && !found.value:
		return 0, "", fmt.Errorf("option '--%s' doesn't allow an argument", found.name)
	case found.value && !hasValue:
		if len(f.args) == 0 {
			return 0, "", fmt.Errorf("option '--%s' requires an argument", found.name)
		}
		value, f.args = f.args[0], f.args[1:]
	}
	return found.letter, value, nil
}
