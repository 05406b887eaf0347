package paint

import "strings"

// Capability is what a terminal can show.
type Capability int

// The tiers, from least to most.
const (
	Bare   Capability = iota // no attribute at all: TERM=dumb
	Mono                     // bold and reverse, no colour: NO_COLOR
	Ansi16                   // the terminal's own sixteen colours
	Ansi256
	True // 24 bits
)

// trueColour are terminals that show 24 bits without saying so in COLORTERM: ssh
// does not carry that variable.
var trueColour = [...]string{"kitty", "alacritty", "foot", "wezterm", "ghostty", "direct", "truecolor"}

// CapabilityOf reads the capability off an environment.
func CapabilityOf(env func(string) string) Capability {
	term := env("TERM")
	switch {
	case term == "dumb":
		return Bare
	case env("NO_COLOR") != "" || term == "" || strings.HasPrefix(term, "vt"):
		return Mono
	case env("COLORTERM") == "truecolor" || env("COLORTERM") == "24bit":
		return True
	}
	for _, name := range trueColour {
		if strings.Contains(term, name) {
			return True
		}
	}
	if strings.Contains(term, "256color") {
		return Ansi256
	}
	return Ansi16
}

// Unicode reports whether the environment's locale and terminal take more than
// ASCII. The Linux console has a font of 256 or 512 glyphs.
func Unicode(env func(string) string) bool {
	if env("TERM") == "linux" || env("TERM") == "dumb" {
		return false
	}
	for _, key := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToLower(env(key)); v != "" {
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return false
}
