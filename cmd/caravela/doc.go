// Command caravela is the one program of the marketplace: it runs a node
// (create, join, serve) and it is the command line of a node that runs.
//
// main.go holds what touches the process (arguments, signals, exit code),
// app.go what every command is given, output.go the forms of output, and each
// command stands in a file of its own name. The commands speak to a node
// through api.Backend only, so that the tests put a made-up node in its place.
// daemon.go is the one file that knows how a node is built.
//
// Habits: data on standard output, everything else on standard error; 0 done,
// 1 error, 2 nothing fits or nothing found to place; a foreground run returns
// the container's code, and 125 to 127 as docker does.
package main
