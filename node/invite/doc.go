// Package invite is how a newcomer learns of a network: the answer to
// ObtainConfiguration, which any member gives, and the join token, which a
// member's user hands over by other means.
//
// The configuration holds what the network's creator signed, and a few peers;
// the newcomer believes it because of the signatures, and, with a token,
// because the token pins the network's ID. Only a token holds the pre-shared
// key of a private network.
package invite
