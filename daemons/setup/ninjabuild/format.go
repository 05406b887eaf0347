package ninjabuild

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// format is the form of the status line: by NINJA_STATUS ("[%f/%t] ") or --status.
type format struct {
	parts []formatPart
	whole bool // --status says itself where the description goes
}

// formatPart is text, or the name of a value.
type formatPart struct{ text, name string }

const defaultStatus = "[%f/%t] "

// percentNames are the letters of NINJA_STATUS with the names that --status has for them.
var percentNames = map[byte]string{
	's': "started", 't': "total", 'r': "running", 'u': "remaining", 'f': "finished", 'o': "rate",
	'c': "current_rate", 'p': "progress", 'e': "elapsed_seconds", 'w': "elapsed", 'E': "eta_seconds",
	'W': "eta", 'P': "predicted_progress",
}

// newFormat reads NINJA_STATUS.
func newFormat(text string) (*format, error) {
	f := &format{}
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			f.addText(text[i : i+1])
			continue
		}
		i++
		letter := byte(0)
		if i < len(text) {
			letter = text[i]
		}
		switch name, known := percentNames[letter]; {
		case letter == '%':
			f.addText("%")
		case known:
			f.parts = append(f.parts, formatPart{name: name})
		default:
			return nil, fmt.Errorf("unknown placeholder '%%%c' in $NINJA_STATUS", letter)
		}
	}
	return f, nil
}

func (f *format) addText(text string) {
	if n := len(f.parts); n > 0 && f.parts[n-1].name == "" {
		f.parts[n-1].text += text
		return
	}
	f.parts = append(f.parts, formatPart{text: text})
}

// newStatusFormat reads the value of --status, which has variables like a manifest.
func newStatusFormat(text string) (*format, error) {
	f := &format{whole: true}
	known := map[string]bool{"description": true}
	for _, name := range percentNames {
		known[name] = true
	}
	for text != "" {
		plain, rest, found := strings.Cut(text, "$")
		f.addText(plain)
		if !found {
			break
		}
		name, after := variableName(rest)
		switch {
		case name != "" && !known[name]:
			return nil, fmt.Errorf("unknown variable '%s' in --status format", name)
		case name != "":
			f.parts = append(f.parts, formatPart{name: name})
		case rest != "" && strings.ContainsRune("$ :", rune(rest[0])):
			f.addText(rest[:1])
			after = rest[1:]
		default:
			return nil, errors.New("invalid --status: --status:1: bad $-escape (literal $ must be written as $$)")
		}
		text = after
	}
	return f, nil
}

// variableName reads the name behind a $.
func variableName(text string) (name, rest string) {
	if inside, ok := strings.CutPrefix(text, "{"); ok {
		name, rest, ok := strings.Cut(inside, "}")
		if ok {
			return name, rest
		}
		return "", text
	}
	end := strings.IndexFunc(text, func(r rune) bool {
		return r != '_' && r != '-' && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9')
	})
	if end < 0 {
		end = len(text)
	}
	return text[:end], text[end:]
}

// status formats the status line.
func (f *format) status(s *status, description string) string {
	var b strings.Builder
	for _, p := range f.parts {
		switch p.name {
		case "":
			b.WriteString(p.text)
		case "description":
			b.WriteString(description)
		default:
			b.WriteString(s.value(p.name))
		}
	}
	if !f.whole {
		b.WriteString(description)
	}
	return b.String()
}

// value is a value by the name that --status has for it.
func (s *status) value(name string) string {
	switch name {
	case "started":
		return fmt.Sprint(s.started)
	case "total":
		return fmt.Sprint(s.total)
	case "running":
		return fmt.Sprint(s.running)
	case "remaining":
		return fmt.Sprint(s.total - s.started)
	case "finished":
		return fmt.Sprint(s.finished)
	case "rate":
		if s.now == 0 {
			return "?"
		}
		return fmt.Sprintf("%.1f", float64(s.finished)/s.now.Seconds())
	case "current_rate":
		s.rate.update(s.finished, s.now)
		if s.rate.cached == 0 {
			return "?"
		}
		return fmt.Sprintf("%.1f", s.rate.cached)
	case "progress":
		percent := 0
		if s.total > 0 {
			percent = 100 * s.finished / s.total
		}
		return fmt.Sprintf("%3d%%", percent)
	case "predicted_progress":
		return fmt.Sprintf("%3d%%", int(100*s.done))
	}
	return s.clock(name)
}

// clock is a value that is a time.
func (s *status) clock(name string) string {
	eta, known := s.remaining()
	hours := s.now >= time.Hour || known && eta >= time.Hour
	d := s.now
	if strings.HasPrefix(name, "eta") {
		if !known {
			return "?"
		}
		d = eta
	}
	if strings.HasSuffix(name, "_seconds") {
		return fmt.Sprintf("%.3f", d.Seconds())
	}
	n := int64(d.Seconds())
	if hours {
		return fmt.Sprintf("%d:%02d:%02d", n/3600, n%3600/60, n%60)
	}
	return fmt.Sprintf("%02d:%02d", n/60, n%60)
}
