// Package gcc recognises programs of gcc by what is in them: their names differ between
// systems, and wrappers hide them.
package gcc

import (
	"bytes"
	"os"
)

// driverMark is the variable that gcc's driver sets for collect2 (gcc/gcc.cc,
// set_collect_gcc_options).
const driverMark = "COLLECT_GCC_OPTIONS"

// IsDriver reports whether a file is gcc's driver, the program that starts the compiler,
// the assembler and the linker. A script that names the variable is none.
func IsDriver(file string) bool {
	content, err := os.ReadFile(file)
	return err == nil && !bytes.HasPrefix(content, []byte("#!")) && bytes.Contains(content, []byte(driverMark))
}
