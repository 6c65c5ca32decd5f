// Web is the container of Caravela's demo and of its test hosts: one static
// binary that is all of its image.
//
//	web [serve] [-listen :8080] [-beat 100ms] [-beat-size 80]   serve the page
//	web health [-url URL]                                       exit 0 when the page answers
//	web say WORD...                                             print the words
//	web echo                                                    copy stdin to stdout
//	web exit CODE                                               exit with the code
//
// The image has no shell, so the small commands are what exec and health
// checks run in it.
package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

var errUsage = errors.New("usage: web [serve] [FLAG...] | health | say WORD... | echo | exit CODE")

func main() {
	err := run(os.Args[1:], os.Stdin, os.Stdout)
	var code exitCode
	switch {
	case err == nil:
	case errors.As(err, &code):
		os.Exit(int(code))
	default:
		fmt.Fprintln(os.Stderr, "web:", err)
		os.Exit(1)
	}
}

// exitCode is the error that asks for a process exit code of its own.
type exitCode int

func (c exitCode) Error() string { return "exit " + strconv.Itoa(int(c)) }

func run(args []string, in io.Reader, out io.Writer) error {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		return serve(args, out)
	}
	switch verb, rest := args[0], args[1:]; verb {
	case "serve":
		return serve(rest, out)
	case "health":
		return health(rest)
	case "say":
		_, err := fmt.Fprintln(out, strings.Join(rest, " "))
		return err
	case "echo":
		_, err := io.Copy(out, in)
		return err
	case "exit":
		return exit(rest)
	default:
		return fmt.Errorf("unknown command %q\n%w", verb, errUsage)
	}
}

func exit(args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	code, err := strconv.Atoi(args[0])
	if err != nil || code < 0 || code > 255 {
		return fmt.Errorf("exit code %q is not in 0..255", args[0])
	}
	return exitCode(code)
}
