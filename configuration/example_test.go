package configuration_test

import (
	"fmt"

	"caravela/configuration"
)

func ExampleLoad() {
	place := configuration.Place{Home: "/home/ana", Hostname: "cedar"}
	cfg, err := configuration.Load(configuration.Sources{
		Place: place,
		Env:   []string{"CARAVELA_OFFER_MEMORY=8g"},
		Flags: map[string]string{"offer.cpus": "4"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(cfg.Offer.CPUs, cfg.Origins["offer.cpus"])
	fmt.Println(cfg.Offer.Memory, cfg.Origins["offer.memory"])
	fmt.Println(cfg.Node.DataDir, cfg.Origins["node.data-dir"])
	// Output:
	// 4 flag
	// 8g environment
	// /home/ana/.local/share/caravela default
}
