package main

import (
	"errors"
	"fmt"
	"io"
	"strconv"

	"caravela/api"
)

// printEach prints one line an element, for -q.
func printEach[T any](w io.Writer, list []T, text func(T) string) error {
	for _, item := range list {
		if _, err := fmt.Fprintln(w, text(item)); err != nil {
			return err
		}
	}
	return nil
}

// advised adds the next command to an error of one code that the node sent
// without one.
func advised(err error, code api.Code, next string) error {
	var problem *api.Error
	if errors.As(err, &problem) && problem.Code == code && problem.Next == "" {
		return advise(err, "%s", next)
	}
	return err
}

func uitoa(n uint64) string { return strconv.FormatUint(n, 10) }
