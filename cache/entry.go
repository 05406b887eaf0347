package cache

// Output returns the output of that name.
func (e *Entry) Output(name string) (Output, bool) {
	for _, o := range e.Outputs {
		if o.Name == name {
			return o, true
		}
	}
	return Output{}, false
}
