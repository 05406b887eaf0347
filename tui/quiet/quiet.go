// Package quiet keeps every subcommand of a program that links Bubble Tea silent
// and quick: a blank import of it is enough.
//
// Bubble Tea v1 asks the terminal for its background colour when the package is
// initialised, and waits up to 5 s for an answer: `replibuild compile` in a
// terminal that never answers took 5.012 s to start. Telling Lip Gloss the answer
// first makes it 0.005 s. That works because Go initialises packages that are ready
// in the order of their import paths, and this path sorts before
// github.com/charmbracelet/bubbletea. It must not import anything that sorts later
// than that. The dashboard decides about light and dark by itself.
package quiet

import "github.com/charmbracelet/lipgloss"

func init() { lipgloss.SetHasDarkBackground(true) }
