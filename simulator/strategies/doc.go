// Package strategies holds ways to place containers other than the market's
// own, to compare it with. Each is a market.Machine in one file: it is driven
// by the same simulator, over the same network, with the same requests.
//
// To add one, write its machine, and name it in Named.
package strategies
