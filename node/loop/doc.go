// Package loop drives one market.Machine in real time: one goroutine, one
// timer, one inbox.
//
// It takes what has been posted (a batch), steps the machine through it,
// makes all Saves of the batch durable in one commit, and only then hands the
// batch's effects to the Performer. So no effect leaves before its record is
// on the disk, and the cost of an fsync is shared. A commit that fails ends
// the loop: the machine has gone on to a state that the disk does not know,
// and must be rebuilt from there.
//
// Package node runs it.
package loop
