package panes

// Sort is an order of the files.
type Sort int

// The orders; all but the first two start with the greatest.
const (
	SortRecent Sort = iota // the latest first
	SortName
	SortStatus
	SortTime
	SortCPU
	SortPeak
	SortSize
	sorts
)

var sortNames = [...]string{"recent", "name", "status", "time", "cpu", "peak", "size"}

// String is the order's name.
func (s Sort) String() string { return sortNames[s] }

// SortNamed is the order with a name.
func SortNamed(name string) (Sort, bool) {
	for i, n := range sortNames {
		if n == name {
			return Sort(i), true
		}
	}
	return 0, false
}

// sortColumn is the column that an order belongs to.
var sortColumn = map[Sort]int{SortName: 0, SortStatus: 1, SortTime: 4, SortCPU: 5, SortPeak: 6, SortSize: 7}
