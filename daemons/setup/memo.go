package setup

// memo keeps answers of programs that are slow to ask, each with what it rests on.
type memo[T any] map[string]remembered[T]

// remembered is one answer.
type remembered[T any] struct {
	Value T
	Basis *deps
	Used  int64 // number of the plan that used it last
}

// maxMemo bounds how many answers of a kind are kept.
const maxMemo = 64

// get returns the answer for a key if nothing that it rests on has changed.
func (m memo[T]) get(key string, now int64, w watcher) (T, bool) {
	r, ok := m[key]
	if !ok || !r.Basis.holds(w.statCache) {
		delete(m, key)
		var none T
		return none, false
	}
	r.Used = now
	m[key] = r
	w.deps.add(r.Basis)
	return r.Value, true
}

// put keeps an answer; beyond the limit the one that was not used for the longest
// time goes.
func (m memo[T]) put(key string, now int64, value T, b *deps) {
	m[key] = remembered[T]{Value: value, Basis: b, Used: now}
	for len(m) > maxMemo {
		oldest := key
		for k, r := range m {
			if r.Used < m[oldest].Used || r.Used == m[oldest].Used && k < oldest {
				oldest = k
			}
		}
		delete(m, oldest)
	}
}
