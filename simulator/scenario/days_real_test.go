//go:build real

package scenario

const days = 4
