// Package market is the vocabulary and the contract of the marketplace: what
// peers own, promise and say to each other, in types that every other package
// shares. It imports the standard library only.
//
// It holds no behaviour of its own beyond checking, encoding and signing. The
// machines that act on these values are trader, supplier and buyer; discovery
// combines them into one peer; a driver (node, or the offline simulator)
// performs their effects.
package market
