package widgets

import "github.com/RepliBuild/replibuild/tui/internal/paint"

// Spark paints the last values as one sign each, w cells wide, right-aligned, from
// low to high. top is the value of a full column, 0 for the greatest one. A value of
// 0 is a blank in front of the first other value, else the lowest sign.
func Spark(p *paint.Painter, l *paint.Line, r paint.Role, values []float64, w int, top float64) {
	w = min(w, l.Left())
	if len(values) > w {
		values = values[len(values)-w:]
	}
	for _, v := range values {
		if top < v {
			top = v
		}
	}
	l.Skip(w - len(values))
	for _, v := range values {
		level := 0
		if top > 0 && v > 0 {
			level = min(int(v/top*float64(len(p.Spark)-1)+0.5), len(p.Spark)-1)
		}
		l.Repeat(r, p.Spark[level], 1)
	}
}

// Gauge paints a bar of w cells filled to share (0 to 1).
func Gauge(p *paint.Painter, l *paint.Line, r paint.Role, share float64, w int) {
	w = min(w, l.Left())
	inner := w - paint.Width(p.BarOpen) - paint.Width(p.BarClose)
	if inner < 1 {
		return
	}
	full := min(max(int(share*float64(inner)+0.5), 0), inner)
	if share > 0 && full == 0 {
		full = 1
	}
	if p.BarOpen != "" {
		l.Put(paint.Border, p.BarOpen)
	}
	l.Repeat(r, p.Full, full)
	l.Repeat(paint.Border, p.Rest, inner-full)
	if p.BarClose != "" {
		l.Put(paint.Border, p.BarClose)
	}
}
