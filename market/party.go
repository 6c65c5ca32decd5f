package market

// Party is who a peer is. Its roles share one, which never changes.
type Party struct {
	Self   PeerID
	Params *Params // shared by all peers of a process
	Seal   Sealer
}
