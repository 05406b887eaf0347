package widgets

import (
	"fmt"
	"time"
)

// Seconds formats a cost: "4ms", "2.1s", "75s", "2m05s", "1h04m".
func Seconds(s float64) string {
	switch {
	case s < 0:
		return ""
	case s < 0.0005:
		return "0ms"
	case s < 0.9995:
		return fmt.Sprintf("%.0fms", s*1000)
	case s < 99.95:
		return fmt.Sprintf("%.1fs", s)
	case s < 3600:
		return fmt.Sprintf("%dm%02ds", int(s)/60, int(s)%60)
	case s < 100*3600:
		return fmt.Sprintf("%dh%02dm", int(s)/3600, int(s)/60%60)
	}
	return fmt.Sprintf("%.0fd", s/86400)
}

// Clock formats a time that runs: "00:07", "1:02:03".
func Clock(d time.Duration) string {
	s := max(0, int(d/time.Second))
	if s < 3600 {
		return fmt.Sprintf("%02d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// Age formats how long something has been so: seconds for the first minute, then
// minutes, so that a screen on which nothing happens does not change.
func Age(d time.Duration) string {
	switch {
	case d < 0:
		return "0s"
	case d < time.Minute:
		return fmt.Sprintf("%ds", d/time.Second)
	case d < time.Hour:
		return fmt.Sprintf("%dm", d/time.Minute)
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", d/time.Hour, d/time.Minute%60)
	}
	return fmt.Sprintf("%dd%dh", d/(24*time.Hour), d/time.Hour%24)
}

// Bytes formats a size in powers of 1024: "512 B", "18 MB", "1.2 GB".
func Bytes(n int64) string {
	v, unit := float64(n), 0
	units := [...]string{"B", "KB", "MB", "GB", "TB", "PB", "EB"}
	for v >= 999.5 && unit < len(units)-1 {
		v, unit = v/1024, unit+1
	}
	if unit > 0 && v < 9.95 && n >= 0 {
		return fmt.Sprintf("%.1f %s", v, units[unit])
	}
	return fmt.Sprintf("%.0f %s", v, units[unit])
}

// Count formats a number with separators: "1,203".
func Count(n int64) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Percent formats a share: "87%". Only all of something is 100%, only nothing 0%.
func Percent(part, whole int64) string {
	if whole <= 0 {
		return "-"
	}
	p := int(100*float64(part)/float64(whole) + 0.5)
	if p == 100 && part < whole {
		p = 99
	}
	if p == 0 && part > 0 {
		p = 1
	}
	return fmt.Sprintf("%d%%", p)
}

// Plural counts things: "1 object", "3 objects".
func Plural(n int64, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return Count(n) + " " + word + "s"
}
