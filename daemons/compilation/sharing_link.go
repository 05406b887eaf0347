package compilation

import (
	"fmt"
	"strings"

	"github.com/RepliBuild/replibuild/cache"
	"github.com/RepliBuild/replibuild/ipc"
)

// share says how the result of a link or archive may serve in other folders, nil if it may
// not. Its members, libraries and scripts count by content. So the name of the folder can come
// into the result only by an argument, and shows there as it is: nothing that a linker writes
// is a hash of names. Where members hold the folder's name, so does the result, and stays here.
func (l *linker) share(a *action) *sharing {
	if len(l.w.tiers) == 0 || a.never != "" {
		return nil
	}
	if why := l.whyLocal(a); why != "" {
		l.w.s.tiers.refuse("", why)
		return nil
	}
	recipe := portableRecipe(a.recipe, l.w.roots)
	return &sharing{members: l.asked.Inputs, index: func() (cache.Digest, error) {
		var files []string
		for _, m := range l.asked.Inputs {
			sum, err := l.w.view.DigestOf(m)
			if err != nil {
				return cache.Digest{}, fmt.Errorf("read %s: %w", m, err)
			}
			files = append(files, l.w.roots.Mark(m), sum.String())
		}
		return cache.NewKey("portable link").Digest("recipe", recipe).Field("output", l.w.roots.Mark(a.outputs[0])).
			Field("members", files...).Sum(), nil
	}}
}

// isPrefixMap accepts the flags of compilers that CMake gives to links too, where they do
// nothing.
func isPrefixMap(arg string) bool {
	return strings.HasPrefix(arg, "-f") && strings.Contains(arg, "-prefix-map=")
}

// whyLocal says which argument keeps the result in this folder.
func (l *linker) whyLocal(a *action) string {
	if a.writing != privately {
		return a.named + " has the linker write other names"
	}
	for _, arg := range a.recipe.Args[1:] {
		switch {
		case strings.HasPrefix(arg, "-flto") || strings.Contains(arg, "-plugin") || strings.HasPrefix(arg, "-fprofile") || strings.HasPrefix(arg, "-fsanitize"):
			return arg + " is not known to be harmless"
		case strings.HasPrefix(arg, "-L") || isPrefixMap(arg):
		case l.w.roots.In(arg):
			return arg + " names a folder of the project"
		}
	}
	if a.recipe.Kind == ipc.ActionArchive && strings.ContainsAny(strings.Join(l.command.Args, " "), "TP") {
		return "a thin archive names its members"
	}
	return ""
}
