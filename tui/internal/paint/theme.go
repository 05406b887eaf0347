package paint

import "sort"

// Role says what a piece of text means; the theme says how that looks.
type Role uint8

// The roles. Colours mean the same everywhere: green cost nothing, amber cost
// compile time, blue runs, red failed.
const (
	Text   Role = iota
	Strong      // headings and the thing itself
	Dim         // what is there for reference
	Border      // lines: the only role that is not read as text
	Focus       // the focused pane's lines and title
	Key         // a key that can be pressed
	Good        // up, cached, succeeded
	Warn        // compiled, dirty, near a limit
	Bad         // failed, crashed
	Busy        // runs now
	Match       // found by a filter
	roles
)

// ink is how a role looks in each capability: a hex colour for 24 bits and, converted,
// for 256; one of the terminal's own 16 colours (-1 = its default).
type ink struct {
	hex  string
	ansi int
	bold bool
}

// Theme is a table of inks. Backgrounds are left to the terminal, so a theme names
// the extremes that it is made for.
type Theme struct {
	Name        string
	Dark        bool
	Backgrounds [2]string // darkest and lightest background that it can be read on
	Selected    string    // background of the selected row
	Selected256 int       // the same for 256 colours: the nearest ones are too far away
	inks        [roles]ink
}

// Dark is for dark backgrounds up to #282828.
func Dark() Theme {
	return Theme{
		Name: "dark", Dark: true, Backgrounds: [2]string{"#000000", "#282828"}, Selected: "#2b3350", Selected256: 236,
		inks: [roles]ink{
			Text:   {"#d8dae3", -1, false},
			Strong: {"#ffffff", 15, true},
			Dim:    {"#a0a4b4", -1, false},
			Border: {"#787c8c", 8, false},
			Focus:  {"#5fd7ff", 14, true},
			Key:    {"#87d7ff", 14, false},
			Good:   {"#5fd78f", 10, false},
			Warn:   {"#ffc861", 11, false},
			Bad:    {"#ff8a8a", 9, true},
			Busy:   {"#8fb4ff", 14, false},
			Match:  {"#f5a9f5", 13, true},
		},
	}
}

// Light is for light backgrounds down to Solarized's #eee8d5.
func Light() Theme {
	return Theme{
		Name: "light", Backgrounds: [2]string{"#eee8d5", "#ffffff"}, Selected: "#cfe0f5", Selected256: 255,
		inks: [roles]ink{
			Text:   {"#24262e", -1, false},
			Strong: {"#000000", -1, true},
			Dim:    {"#50545f", -1, false},
			Border: {"#6a6e76", -1, false},
			Focus:  {"#0050a0", 4, true},
			Key:    {"#0050a0", 4, false},
			Good:   {"#0b5e2b", -1, false},
			Warn:   {"#7a4300", 5, false},
			Bad:    {"#a8121c", 1, true},
			Busy:   {"#1f4fb5", 4, false},
			Match:  {"#8a1a8a", 5, true},
		},
	}
}

// Themes returns all themes by name.
func Themes() map[string]Theme { return map[string]Theme{"dark": Dark(), "light": Light()} }

// ThemeNames returns the names of all themes, sorted.
func ThemeNames() []string {
	var names []string
	for name := range Themes() {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}
