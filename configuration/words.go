package configuration

import (
	"fmt"
	"strings"
)

// Profile is a bundle of defaults for a kind of machine.
type Profile string

// The profiles. LowPower keeps few connections, is never a trader and uses
// the DHT without serving it.
const (
	Server   Profile = "server"
	Home     Profile = "home"
	LowPower Profile = "lowpower"
)

// Renew says whether leases are renewed while the buyer's node lives.
type Renew string

// The ways to renew.
const (
	RenewAuto  Renew = "auto"
	RenewNever Renew = "never"
)

// Strategy says which of the fitting offers is taken.
type Strategy string

// The strategies: the fullest machine that fits, the emptiest, or the one that
// costs least.
const (
	BinPack  Strategy = "binpack"
	Spread   Strategy = "spread"
	Cheapest Strategy = "cheapest"
)

// LogLevel is the least severe level that is written.
type LogLevel string

// The levels of log/slog.
const (
	LevelDebug LogLevel = "debug"
	LevelInfo  LogLevel = "info"
	LevelWarn  LogLevel = "warn"
	LevelError LogLevel = "error"
)

// LogFormat is the form of a log line.
type LogFormat string

// The formats of log/slog's handlers.
const (
	FormatText LogFormat = "text"
	FormatJSON LogFormat = "json"
)

// oneOf returns a parser for a closed set of words.
func oneOf[T ~string](words ...T) func(string) (T, error) {
	return func(s string) (T, error) {
		for _, w := range words {
			if string(w) == s {
				return w, nil
			}
		}
		list := make([]string, len(words))
		for i, w := range words {
			list[i] = string(w)
		}
		return "", fmt.Errorf("%q is not one of %s", s, strings.Join(list, ", "))
	}
}
