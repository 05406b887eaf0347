package preload

import "slices"

// mayReadAll reports whether a program, given by its file and its libraries, may read
// every variable. The C library itself has the array, and reads what it is asked for.
func (r *Reader) mayReadAll(files []string) bool {
	return slices.ContainsFunc(files, func(file string) bool {
		stamp, there := stampOf(r.abs(file))
		if !there {
			return true
		}
		r.mu.Lock()
		use, known := r.environ[file]
		r.mu.Unlock()
		if !known || use.stamp != stamp {
			use = environUse{stamp, namesEnviron(r.abs(file))}
			r.mu.Lock()
			r.environ[file] = use
			r.mu.Unlock()
		}
		return use.names
	})
}
