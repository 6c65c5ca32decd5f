// Package overlaytest is the battery that every overlay.Overlay passes. It
// compares with a brute-force oracle: all members that live and serve, sorted
// by market.Distance.
package overlaytest
