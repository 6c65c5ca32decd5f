// Package supplier is the selling role of a peer. It owns the local capacity:
// it publishes one offer at the traders of the region where the offer
// belongs, admits leases against what is free and against what their buyer may
// owe, has the engine run the units, bills what runs, and tells their owners how
// they fare.
//
// A unit is one leased container; its name is the ID of the first lease of a
// chain of renewals. The stock is what the node's user sells; free is the
// stock less what units take and holds keep. A contact is a trader of the
// offer. A tenant is a buyer that has units here.
//
// A lease with terms is metered. Its meter counts the seconds that are billable;
// every interval they are written down in a note, which is saved, sent, and
// acknowledged by the buyer's signature. What was saved survives a crash, what was
// not is lost, and the time between is a gap: in the buyer's favour. A strike
// is a note that is not acknowledged; when the terms bear no more of them, the
// lease ends after a grace. Closing is what follows the end of a lease, or its
// renewal: a last note, and a receipt that both sign.
//
// What a buyer owes is never let pass its limit, and what a lease costs never
// passes what its buyer said it may: both are looked at a full interval ahead.
//
// The package is part of the pure core: discovery calls it, a driver performs
// its effects.
package supplier
