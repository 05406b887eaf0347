// Animate draws the animation of the README: it plays an event log in the dashboard and
// writes the screens as one SVG, which shows one after the other.
package main

import (
	"flag"
	"fmt"
	"html"
	"os"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"github.com/RepliBuild/replibuild/tui"
)

// Cells of the font, in pixels.
const (
	cellWidth  = 8.4
	cellHeight = 17
	margin     = 10
)

func main() {
	replay := flag.String("replay", "screenshots/leveldb.jsonl", "the event `log`")
	out := flag.String("out", "screenshots/dashboard.svg", "the `file` to write")
	w, h := flag.Int("columns", 100, "columns"), flag.Int("rows", 28, "rows")
	step := flag.Duration("step", 2*time.Second, "time of the log between two frames")
	show := flag.Duration("show", 700*time.Millisecond, "how long a frame is shown")
	flag.Parse()
	if err := animate(*replay, *out, *w, *h, *step, *show); err != nil {
		fmt.Fprintln(os.Stderr, "animate:", err)
		os.Exit(1)
	}
}

func animate(replay, out string, w, h int, step, show time.Duration) error {
	r, err := tui.ReadRecorded(replay)
	if err != nil {
		return err
	}
	env := []string{"TERM=xterm-256color", "COLORTERM=truecolor", "LANG=C.UTF-8", "HOME=/home/ada"}
	frames, err := tui.Film(tui.Config{Replay: r, Speed: 1, Settings: tui.Settings{Theme: "dark"}, Env: env, Location: time.UTC}, w, h, step)
	if err != nil {
		return err
	}
	return os.WriteFile(out, []byte(drawing(frames, w, h, show)), 0o644)
}

// drawing is the SVG: every frame is a group that is visible during its share of the
// animation.
func drawing(frames []string, w, h int, show time.Duration) string {
	var b strings.Builder
	width, height := float64(w)*cellWidth+2*margin, float64(h)*cellHeight+2*margin
	share, whole := 100/float64(len(frames)), show.Seconds()*float64(len(frames))
	fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"14\">\n", width, height)
	fmt.Fprintf(&b, "<style>.f{visibility:hidden;animation:f %.1fs steps(1,end) infinite}@keyframes f{0%%{visibility:visible}%.3f%%{visibility:hidden}}text{white-space:pre}</style>\n", whole, share)
	fmt.Fprintf(&b, "<rect width=\"100%%\" height=\"100%%\" rx=\"6\" fill=\"#14161e\"/>\n")
	for i, frame := range frames {
		fmt.Fprintf(&b, "<g class=\"f\" style=\"animation-delay:%.1fs\">\n", show.Seconds()*float64(i))
		for y, line := range strings.Split(frame, "\n") {
			text(&b, line, margin+cellHeight*float64(y+1)-4)
		}
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.String()
}

// text writes a line as one element for each run of cells that look alike.
func text(b *strings.Builder, line string, y float64) {
	x, fill, bold := 0, "#d8dae3", false
	for line != "" {
		if strings.HasPrefix(line, "\x1b[") {
			end := strings.IndexByte(line, 'm')
			if end < 0 {
				return
			}
			fill, bold = attributes(line[2:end])
			line = line[end+1:]
			continue
		}
		run := line
		if i := strings.IndexByte(line, '\x1b'); i >= 0 {
			run = line[:i]
		}
		line = line[len(run):]
		if strings.TrimSpace(run) != "" {
			weight := ""
			if bold {
				weight = " font-weight=\"bold\""
			}
			fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.0f\" fill=\"%s\"%s textLength=\"%.1f\">%s</text>\n",
				margin+cellWidth*float64(x), y, fill, weight, cellWidth*float64(ansi.StringWidth(run)), html.EscapeString(run))
		}
		x += ansi.StringWidth(run)
	}
}

// attributes reads the parameters of an SGR sequence as the dashboard writes it.
func attributes(parameters string) (fill string, bold bool) {
	fill = "#d8dae3"
	parts := strings.Split(parameters, ";")
	for i := 0; i < len(parts); i++ {
		switch {
		case parts[i] == "1":
			bold = true
		case (parts[i] == "38" || parts[i] == "48") && i+4 < len(parts):
			if parts[i] == "38" {
				var r, g, bl int
				fmt.Sscan(parts[i+2]+" "+parts[i+3]+" "+parts[i+4], &r, &g, &bl)
				fill = fmt.Sprintf("#%02x%02x%02x", r, g, bl)
			}
			i += 4
		}
	}
	return fill, bold
}
