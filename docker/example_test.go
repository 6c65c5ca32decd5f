package docker_test

import (
	"context"
	"fmt"

	"caravela/docker"
	"caravela/docker/fake"
	"caravela/market"
)

// A supplier launches what a lease asks for, twice, as a node does that died
// in between: there is one container.
func ExampleEngine() {
	ctx := context.Background()
	machine := fake.NewDaemon(4000, 8*market.GiB)
	machine.AddImage("toolbox", fake.Toolbox)
	var engine docker.Engine = machine.Engine(docker.Scope{Supplier: market.PeerID{1}}, docker.DefaultConfig())

	unit := docker.Unit{
		Lease: market.LeaseID{7}, Owner: market.PeerID{2},
		Spec: market.Spec{
			Image: "toolbox", Command: []string{"sleep"},
			Limits: market.Resources{CPU: 500, Memory: 64 * market.MiB},
			Ports:  []market.Port{{Container: 80, Host: 8080}},
		},
	}
	for range 2 {
		c, err := engine.Launch(ctx, unit, nil)
		if err != nil {
			fmt.Println(docker.ReasonOf(err))
			return
		}
		fmt.Println(c.State, c.Limits, c.Ports[0].Port)
	}
	all, _ := engine.List(ctx)
	fmt.Println(len(all), "container")
	// Output:
	// running 0.5 cpu / 64m 8080:80
	// running 0.5 cpu / 64m 8080:80
	// 1 container
}
