package main

// startMode says how a node begins its life.
type startMode struct {
	kind    startKind
	target  string // join: ip[:port], multiaddr or token
	network string // create: the network's name
	private bool   // create: the network uses a pre-shared key
	// settings answers the API's questions about the configuration; it is a
	// node.Settings.
	settings settingsFile
	// ready is called once, when the node serves its API and is in its network.
	ready func(readyNode)
}

type startKind uint8

const (
	startCreate startKind = iota // a new network, or the one that the data directory holds
	startJoin                    // the network of target, or the same one again
	startServe                   // the network that the data directory holds
)

// readyNode is what the user is told once a node runs.
type readyNode struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	NetworkID string   `json:"network_id"`
	Network   string   `json:"network_name"`
	Join      []string `json:"join"` // ip:port or multiaddr for `caravela join` on other machines, best first
	API       []string `json:"api_addrs"`
	Private   bool     `json:"private,omitempty"` // nobody joins without a token
}
