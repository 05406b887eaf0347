package words

import "strings"

// Node names what discovery keeps track of, for people: "src/a.cc", "target app",
// "step gen.h", or "replibuild.toml" for the plan. id is an ID as in [ipc.NodeRecord].
func Node(id string) string {
	if id == "plan" {
		return "replibuild.toml"
	}
	kind, name, found := strings.Cut(id, ":")
	switch {
	case !found:
		return id
	case kind == "link":
		return "target " + name
	case kind == "step":
		return "step " + name
	}
	return name
}
