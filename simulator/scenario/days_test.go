//go:build !real

package scenario

// days are tried by a plain test; the tag real tries all.
const days = 2
