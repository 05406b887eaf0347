package ninja

// Scope holds the variables and rules of a file, or the variables of one edge. What it
// lacks it asks its parent for.
type Scope struct {
	parent *Scope
	vars   []binding
	index  map[string]int // positions in vars, once there are many
	rules  map[string]*Rule
}

type binding struct{ name, value string }

// indexFrom is how many variables a scope has before it gets an index: edges have few.
const indexFrom = 12

func (s *Scope) find(name string) int {
	if s.index != nil {
		if i, ok := s.index[name]; ok {
			return i
		}
		return -1
	}
	for i := range s.vars {
		if s.vars[i].name == name {
			return i
		}
	}
	return -1
}

func (s *Scope) set(name, value string) {
	if i := s.find(name); i >= 0 {
		s.vars[i].value = value
		return
	}
	s.vars = append(s.vars, binding{name, value})
	if s.index != nil {
		s.index[name] = len(s.vars) - 1
		return
	}
	if len(s.vars) > indexFrom {
		s.index = make(map[string]int)
		for i, b := range s.vars {
			s.index[b.name] = i
		}
	}
}

// lookup returns the value of a variable, "" if there is none.
func (s *Scope) lookup(name string) string {
	for ; s != nil; s = s.parent {
		if i := s.find(name); i >= 0 {
			return s.vars[i].value
		}
	}
	return ""
}

// rule returns the rule of a name.
func (s *Scope) rule(name string) *Rule {
	for ; s != nil; s = s.parent {
		if r := s.rules[name]; r != nil {
			return r
		}
	}
	return nil
}

// Rule says how outputs are made of inputs.
type Rule struct {
	Name     string
	bindings []ruleBinding
	cyclic   bool // its variables may lead to themselves
}

type ruleBinding struct {
	name  string
	value template
}

// ruleVariables are the names that a rule may bind.
var ruleVariables = map[string]bool{
	"command": true, "depfile": true, "dyndep": true, "description": true, "deps": true,
	"generator": true, "pool": true, "restat": true, "rspfile": true, "rspfile_content": true,
	"msvc_deps_prefix": true,
}

func (r *Rule) binding(name string) (template, bool) {
	for i := range r.bindings {
		if r.bindings[i].name == name {
			return r.bindings[i].value, true
		}
	}
	return template{}, false
}

func (r *Rule) bind(name string, value template) {
	for i := range r.bindings {
		if r.bindings[i].name == name {
			r.bindings[i].value = value
			return
		}
	}
	r.bindings = append(r.bindings, ruleBinding{name, value})
}

// Description returns the rule's description as the manifest has it, variables included.
func (r *Rule) Description() (string, bool) {
	t, ok := r.binding("description")
	return t.source(), ok
}
