package compilation

import (
	"errors"
	"fmt"
	"strings"
)

// unquoteLine splits a command as clang's -### prints it: every argument in double quotes,
// with a backslash before " \ and $.
func unquoteLine(line string) (args []string, err error) {
	for rest := strings.TrimSpace(line); rest != ""; rest = strings.TrimLeft(rest, " ") {
		if rest[0] != '"' {
			return nil, fmt.Errorf("what the driver runs cannot be read: %.40s", rest)
		}
		var arg []byte
		i := 1
		for ; i < len(rest) && rest[i] != '"'; i++ {
			if rest[i] == '\\' && i+1 < len(rest) {
				i++
			}
			arg = append(arg, rest[i])
		}
		if i == len(rest) {
			return nil, errors.New("what the driver runs cannot be read: a quote is open")
		}
		args, rest = append(args, string(arg)), rest[i+1:]
	}
	return args, nil
}
