// Package apitest has what tests of the API's users need: Fake, a Backend in
// memory, and Run, the suite that holds a Backend's way to its user (direct, or
// through a Client and a Server) to the same behaviour.
package apitest
