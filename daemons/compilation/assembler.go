package compilation

import "path"

// isAssembler reports a source in assembler, by its name. It may include files by directives of
// the assembler's, which only a trace shows: no dependency file has them. Such compiles are not
// shared, get no preamble and stay on this machine.
func isAssembler(source string) bool {
	switch path.Ext(source) {
	case ".S", ".sx", ".s":
		return true
	}
	return false
}

// isPreprocessed reports a source that the preprocessor leaves alone: there is no dependency file
// of it, and clang warns of flags that ask for one.
func isPreprocessed(source string) bool { return path.Ext(source) == ".s" }
