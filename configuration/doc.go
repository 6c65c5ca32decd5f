// Package configuration turns text into the settings of a node: flags over
// environment over a TOML file over the defaults of a profile.
//
// Glossary: a setting is one leaf of Config with a key such as "offer.cpus";
// its origin is where the value in force came from; a profile is a named
// bundle of defaults; a problem is one wrong setting, with what to do about it.
//
// Every setting stands once, in settings.go, and from there come its TOML
// key, its environment variable (CARAVELA_OFFER_CPUS), its line in `config
// check` and its parser; Config holds only plain values for the node to read.
// Only this package and cmd know TOML.
package configuration
