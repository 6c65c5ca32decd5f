package main

import (
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/spf13/cobra"
)

// fileFlag is -o of the commands that make a file: it names the file, not the
// form of the output.
type fileFlag struct{ path string }

func (f *fileFlag) register(cmd *cobra.Command, fallback string) {
	cmd.Flags().StringVarP(&f.path, "output", "o", "", `the new file to write, or "-" for standard output (default `+fallback+")")
}

// check refuses what was meant for the other -o, before anything is asked.
func (f *fileFlag) check() error {
	if !slices.Contains([]string{"table", "wide", "json", "yaml"}, f.path) {
		return nil
	}
	return advise(fmt.Errorf("-o names a file here, and %q looks like the form of an output", f.path), "-o ./%s, or -o - for standard output", f.path)
}

// save writes what get gives into the file, or into one of the name given
// here; "-" is standard output. A file that exists is left alone, and none
// stays behind that is not whole. It prints the file's name.
func (a *app) save(f fileFlag, name string, get func(io.Writer) error) error {
	if f.path != "" {
		name = f.path
	}
	if name == "-" {
		return get(a.out)
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return advise(fmt.Errorf("write the file: %w", err), "-o FILE with a name that does not exist yet")
	}
	err = get(file)
	if serr := file.Sync(); err == nil {
		err = serr
	}
	if cerr := file.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = os.Remove(name)
		return err
	}
	_, err = fmt.Fprintln(a.out, name)
	return err
}
