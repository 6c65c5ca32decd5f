package apitest

import (
	"testing"

	"caravela/api"
)

// Run is the suite. open returns the way to a backend that is under test; what
// comes out must be what the backend put in, errors and streams included.
func Run(t *testing.T, open func(t *testing.T, b api.Backend) api.Backend) {
	for _, property := range []struct {
		name  string
		holds func(t *testing.T, open func(t *testing.T, b api.Backend) api.Backend)
	}{
		{"Answers", answers},
		{"Containers", containers},
		{"Leases", leases},
		{"Ledger", ledger},
		{"Sale", selling},
		{"Downloads", downloads},
		{"Errors", failures},
		{"RunStreams", runStreams},
		{"EventsFollow", eventsFollow},
		{"StreamFailsLate", streamFailsLate},
		{"ExecEchoes", execEchoes},
		{"ExecSeparatesOutputs", execSeparates},
		{"ExecResizes", execResizes},
		{"ExecCarriesMuch", execCarriesMuch},
		{"SessionEndsWithInput", sessionEndsWithInput},
		{"SessionIsCancelled", sessionIsCancelled},
		{"LogsFollow", logsFollow},
		{"AttachReplays", attachReplays},
	} {
		t.Run(property.name, func(t *testing.T) { property.holds(t, open) })
	}
}

// Start runs one container on b and returns it.
func Start(t *testing.T, b api.Backend, name string) api.Container {
	t.Helper()
	req := api.RunRequest{Spec: api.Spec{Image: "web", Name: name, Resources: api.Resources{MilliCPU: 100, MemoryBytes: 64 << 20}}}
	if err := b.Run(t.Context(), req, func(api.RunEvent) error { return nil }); err != nil {
		t.Fatal(err)
	}
	d, err := b.Container(t.Context(), api.ContainerRef(name))
	if err != nil {
		t.Fatal(err)
	}
	return d.Container
}
