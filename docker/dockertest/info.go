package dockertest

import (
	"slices"
	"strings"
	"testing"
)

func testInfo(t *testing.T, rig Rig) {
	b := newBench(t, rig)
	in, err := b.Info(b.ctx)
	if err != nil {
		t.Fatal(err)
	}
	if in.CPU < 1000 || in.Memory <= 0 || in.Platform.OS != "linux" || in.Platform.Arch == "" || in.Version == "" {
		t.Errorf("info is incomplete: %+v", in)
	}
	if !in.BoundsDisk && !slices.ContainsFunc(in.Warnings, func(w string) bool { return strings.Contains(w, "disk space of a tenant is not bounded") }) {
		t.Errorf("nobody says that the disk is not bounded: %q", in.Warnings)
	}
	if len(in.Problems) > 0 {
		t.Errorf("problems: %q", in.Problems)
	}
}
