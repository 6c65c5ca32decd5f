// Package market is the vocabulary and the contract of the marketplace: what
// peers own, promise and say to each other, in types that every other package
// shares. It checks, encodes and signs these values, and does nothing else
// with them. The machines that act on them are trader, supplier and buyer;
// discovery combines them into one peer; a driver delivers events to it and
// performs its effects. This text is the manual of their protocol. The bytes
// are specified in docs/protocol.md.
//
// # Glossary
//
// A peer is a participant, named by its Ed25519 key (PeerID); a Ref adds where
// it can be dialled. A network is named by the SHA-256 of its signed Genesis;
// its Params, signed by the same creator, are what all its peers agree on.
//
// An offer is what a supplier says it can lease out now. It is a hint: only
// the supplier's grant makes a lease. Each offer carries a sequence number that
// grows with every change, over restarts too; the newest wins everywhere.
//
// A region is a node of the tree under which offers are kept: a platform, then
// 32 parts of it, and of these again, by a hash of the supplier. Each region
// has a key in the overlay. The Params.Replicas peers that are nearest to it
// are the region's traders; each is a replica of the others. All offers of a
// platform stand at its root while they are few; a region with Params.SplitAt
// offers is split: newcomers go to its children. A summary tells what is free
// in a region at best: the peaks, of which none serves more than another.
//
// A lease is one payload under two signatures, the buyer's and the supplier's;
// its ID is the payload's SHA-256. A renewal is a new lease that names the one
// before it (Prev) and the first of the chain (First). A unit is what the
// chain pays for, one container; the first lease's ID is its name for life.
//
// Terms are a lease's price and the conditions of its metering. A price holds
// rates in millionths (Micro) of a unit, which is a label that the two peers
// understand, such as "credit" or "EUR". A lease without terms is free and not
// metered. A hold is a supplier's signed promise to lease exact resources to
// one buyer until a moment.
//
// A status is one signed link in the chain of what a supplier says of a unit.
// A usage note is one of another chain, of what is due for a lease so far; the
// buyer acknowledges it by a second signature. A receipt closes a lease, and a
// settlement says that a debt was paid; both peers sign these, too. A notice
// is signed by the supplier and announces an end. An account is what a peer
// remembers of a counterparty: what was earned, spent and settled, how much it
// may owe, and the log of everything that both have signed.
//
// A want is the part of a request that can be checked against an offer; a
// tally counts, by reason, the offers that did not fit.
//
// # Offers
//
// CreateOffer asks a peer to become a trader of an offer. A supplier sends it
// to the peers nearest to the key of the offer's region, found by one lookup
// and remembered from then on; it wants two to say yes. The trader stores the
// offer for OfferTTL at most, and learns from Replicas who its fellows are and
// from Above whom to advertise to. A trader sends it, too, to a peer that
// appears nearer to the key than one of the replicas: of several traders the
// nearest does. A handed-over offer is not acknowledged but audited at once,
// with RefreshOffer, so that nobody can keep another's offer alive. An offer
// that is older than the one held, or than its withdrawal, changes nothing.
//
// UpdateOffer brings a newer offer to a trader that has an older one: after
// each grant and each end of a unit, a moment later, so that a burst of changes
// is one update. It carries no Above, since the place is known. A trader that
// has forgotten the offer takes it as a CreateOffer.
//
// OfferAck answers CreateOffer, to the supplier only; UpdateOffer it answers
// when the offer was not taken, since that it arrived is answer enough.
// AckStored: held, and Seq is the number held. AckStale: Seq is newer than what was sent; a supplier that lost
// its disk continues above it. AckSplit and AckMerge send the offer down, to
// the Depth where it belongs, or to the parent. The supplier moves on the word
// of two traders; those of a parent become the new place's Above. AckFull and AckRefused make it look
// for another trader. Without an answer the offer is sent again; after three
// silences another trader is looked for.
//
// RefreshOffer is a trader's audit of a supplier, about every Params.Refresh
// with jitter, and sooner when the connection breaks: are you there, and is
// this still your offer? Three unanswered questions end the offer. Its Code
// moves a supplier to another region as OfferAck does. To the supplier it is
// the proof that the trader lives: a trader that does not ask for two
// intervals is sent the offer again.
//
// RefreshAck answers it with the newest offer, signed again when a third of
// its life is over; this is what keeps an offer from lapsing. Without an offer
// it says that there is none in that region, or that the asker is not one of
// its traders, and the trader forgets it.
//
// RemoveOffer withdraws the sender's own offer up to Seq: because it moved,
// because another peer is nearer, or because the supplier stops selling. The
// trader keeps a tombstone until the offer would have lapsed, so that a late
// copy does not bring it back. It is not answered; a lost one costs an audit.
//
// # Searching
//
// GetOffers asks a trader for offers of one region that fit a Want. A buyer
// begins at the traders of its own offer, who are its way into the market, or
// at the root of the platform, after one lookup if need be. With Relay the
// answer tells of regions elsewhere, too: where nothing fits, the trader first
// fetches the view of the region above (GetOffers without a Max), unless it
// has a fresh one, once for all who wait. With Buy the last offers that fit
// are promised to the asker for a moment: others are told so in the tally,
// save for one, who is answered when the moment is over.
// Another replica sends it to fetch offers that it has not. A peer that is
// wanted by name (Want.On) answers with its own offer, trader or not.
//
// Offers is the answer: the best offers by the want's strategy, equal ones in
// random order; the Tally of those that were left out, which becomes the
// user's "why not"; and, where nothing fits, Hints: summaries of regions that
// may have what is wanted, with their traders, so that a search needs no lookup
// to go on. Whoever follows a hint is led downwards only.
// Trader false means "I do not keep this region": the buyer asks another. The
// buyer checks every offer itself, forgets all but the newest of a supplier,
// and chooses at random among the nearly best, so that two buyers with the
// same view do not run to the same supplier.
//
// AdvertiseOffersNeighbor tells what is free in a region at best: to the
// traders of the parent region, who make it a hint, and to the other replicas,
// who fetch what they lack; about every Params.Refresh and after large changes.
// Of one sender's words the latest said counts (Said), which need not be the
// last to arrive: one that waits for a connection is overtaken.
// When a peak came or went the first replica tells those above at once, the
// others in time. A trader may speak of itself only; advice about third parties
// is noted and dropped. For each child the three advertisers nearest to its key
// are believed, of these the newest that holds about as much as the others. A
// parent with room again says so in the same way, and its children then send
// their suppliers back up (AckMerge).
//
// # Leases
//
// LaunchContainer asks a supplier to sign a lease and to run the container.
// The buyer has signed and saved the lease before. The supplier checks that
// the sender is the lease's buyer, that Spec is the container whose hash the
// lease holds, the dates (two minutes of skew), its own rules, and all
// resources and ports at once; then it signs and saves, and only then grants
// and starts. With Prev set it asks for a renewal, at two thirds of the term,
// while the unit runs: nothing but the dates may differ, and there is no Spec.
// The same lease twice gets the same answer and no second container. A lease
// that is over, or was cancelled before it came, is refused as Superseded.
// Auth is for this one pull and is never stored.
//
// Grant is the yes: the lease with both signatures. The buyer saves it. A
// grant that comes after the buyer has moved on is answered with a
// cancellation.
//
// Refusal is the no to a launch, a renewal or a hold, with a Reason that
// programs can act on and a Detail for people. Free is what the supplier could
// give instead; with PriceChanged, Offer is what it asks for now. A refusal for want of
// room is forgotten at the next search; any other excludes the supplier for
// the rest of the request.
//
// StatusUpdate brings the newest signed status of a unit to its owner. It is
// repeated, with growing pauses, until it is acknowledged, over restarts of
// both sides too; older ones that were overtaken are not sent any more. The
// owner believes it only from the lease's supplier, and saves it before it
// answers.
//
// StatusAck says that the owner has stored the status, a newer one, or nothing
// at all any more because it has forgotten the unit. Acknowledging Ended lets
// the supplier forget the unit.
//
// StopContainer is the owner's command: stop, start, restart, kill, or rm,
// which ends the lease and removes the container. Ref makes a repetition
// known as such while it is under way. An rm for a unit that is not known is
// remembered for as long as its launch could still be accepted, which is how a
// launch that is still on its way is cancelled. An owner who wants a unit gone
// saves that and repeats rm until it is confirmed, or the lease would be over.
//
// StopAck answers once the engine has done it; Reason and Detail say why it
// was not. NoSuchLease, Superseded and NoReason all confirm an rm.
//
// Goodbye says that the sender leaves. Its traders ask after its offers, and
// its suppliers send theirs again, at once instead of at the next interval.
//
// # Holds
//
// RequestHold asks a supplier to keep exact resources and ports for the sender
// for a while, HoldTime at most: for a quote that shall stay true while its
// user thinks, and for groups, which lease all or nothing. It is checked as a
// launch is, deny list and credit first, and needs no signature: a hold costs
// its buyer nothing. The supplier bounds how many one buyer may have. The same
// Ref twice gets the same answer.
//
// GrantHold is the yes. The supplier has saved the hold, and taken it off its
// offer, before it answers; a restart does not lose it. A lease that names the
// hold must fit into it, at the hold's terms, even if the price rose since;
// with that, with ReleaseHold, or when its time is over, the hold is gone. The
// no is a Refusal with the same Ref.
//
// ReleaseHold gives a hold back before its time. It is not answered; a lost
// one costs the rest of a minute.
//
// # Metering
//
// ReportUsage brings the newest usage note of a lease to its owner: every
// Terms.Interval, and when the lease ends or was renewed. The supplier counts
// seconds by its monotonic clock, those that run and those that its owner keeps
// it parked, and no others: pulling, starting, a stop by itself, and whatever
// it cannot see cost nothing, nor does what it had not saved when it crashed.
// It signs the totals since the lease's start, saves the note and sends it,
// again and again with growing pauses until AckUsage; only the newest, which
// covers all before it.
//
// AckUsage is the buyer's second signature under the note. The buyer gives it
// only when the note is of this lease and its supplier, newer and not smaller
// than the one acknowledged before, its amount is exactly what the lease's
// price makes of its seconds (Lease.Due), those are no more than have passed
// by the buyer's own clock, with two intervals of tolerance, the lease's
// MaxCost is kept, and a status has said that the container runs, or did. It
// saves before it answers; the same note again gets the same answer. Otherwise
// a Reason and a Detail say why not, Disputed or ClockSkew, and the user is
// told; a note of something else is only noted. The supplier saves the
// acknowledged note: both logs then hold the same envelopes.
//
// GiveNotice announces what will end a unit, with a deadline, until AckNotice:
// the term is over and no renewal comes; the supplier takes its resources back
// (Reclaim), not before the agreed Terms.Notice; notes are not acknowledged;
// the credit is nearly used up, or the lease's MaxCost nearly reached.
// NoticeWithdraw takes an announced reclaim back, and an acknowledgement the
// word about missing ones.
//
// AckNotice says that the owner has stored the notice, or a newer one. It
// agrees to nothing.
//
// # Receipts and settlements
//
// IssueReceipt closes a lease, a renewed one, too, until SignReceipt: once its
// last note is acknowledged, or ten minutes went by without that. Its totals
// are those of the last acknowledged note: what was not acknowledged is not
// billed. It says who ended the lease and why, and whether early, without the
// agreed notice.
//
// SignReceipt is the buyer's second signature, given when the receipt says
// what the buyer's own last acknowledged note and the lease say; otherwise
// Disputed. NoSuchLease is the buyer's last word on a lease of which it has
// acknowledged nothing: it does not take the grant any more, should the
// receipt have overtaken that, and is not asked again. A receipt that stays
// unsigned for seven days is kept as it is: the notes that it rests on are
// signed.
//
// ProposeSettlement says that a debt was paid, by whatever means outside of
// the market, until AnswerSettlement. A creditor's word that it was paid is
// agreed to by the debtor's node alone, as far as there is such a debt; a
// debtor's word waits for the creditor's user.
//
// AnswerSettlement agrees by a second signature, or says why not. From then on
// both accounts count the amount as settled.
//
// # Money
//
// There is no chain, no token and no escrow, but evidence and bounded loss.
// Everything that is due is signed by who owes it, and can be shown to a third
// person; nobody is forced to pay. What a peer can lose to another is bounded:
//
//   - A supplier loses what ran and was not acknowledged: at most
//     ((Terms.Bear + 1) x Interval + Grace) of the price and the start fee,
//     which Terms.Exposure is; and what was acknowledged and is never paid. Both
//     together are never more than the credit that it gave this buyer
//     (Account.Limit; else DefaultCredit, an hour of the lease's price): it ends
//     a lease before that. Whom its user trusts has no such limit.
//   - A buyer owes what it has acknowledged and nothing else. A supplier that
//     bills and does not deliver gets the start fee, and the seconds up to the
//     moment when the owner sees that and ends the lease: the current interval.
//     Seconds that did not pass are refused, but for a tolerance of two
//     intervals, at least 5 s, of each life of the buyer's node. Nothing ever
//     costs more than the lease's MaxCost.
//   - New identities cost nothing. A buyer who never pays can come back as a new
//     peer, and be given a stranger's credit again: that is little, and who
//     wants it to be nothing sells to peers with a limit only.
//
// An amount is the rates times the seconds, summed exactly and divided once,
// rounded down (Price.Amount); docs/protocol.md has the formula and an example.
// Totals only grow, so a lost note costs nothing, and a repeated one nothing
// either. Prices are compared and limits held within one unit; nothing here
// converts between two.
//
// # The life of a launch
//
// A launch has two phases, so that a slow pull is not mistaken for a dead
// supplier. First the grant: the buyer waits for Params.Grant and no longer.
// Silence is not a no, since the launch may have arrived: the buyer marks the
// lease as unwanted, on disk, sends rm until it is confirmed, and only then is
// the matter closed; meanwhile it asks the next supplier. Whatever the order in
// which launch, grant and rm arrive, and whoever restarts in between, one of
// the two containers is removed. Then the statuses: accepted, pulling,
// starting, running. A failure before the first running status sends the buyer
// to the next offer where another supplier could do better (the registry did
// not answer, the disk was full), and to the user where it could not (the
// program exited at once).
//
// Every unit ends with the status Ended, whose Reason tells why: removed by
// its owner, expired, exited, failed. A supplier that cannot see its own
// engine says Unknown, which is neither: nothing is killed for it.
//
// # Whom to trust
//
// The transport proves who the sender is; DecodeMessage verifies every
// signature inside a message. So a Message in memory is genuine, and what is
// left for the machines is whether the sender may say it: an offer must be the
// supplier's own, whoever brings it; a status must come from, and be signed
// by, the lease's supplier, and so must usage notes, notices and receipts;
// commands, acknowledgements, second signatures and renewals must come from
// the lease's buyer; a settlement must be between the sender and the receiver;
// a trader's advertisement must be about itself. Whoever breaks this is noted (NoteBadMessage) and ignored. A trader can
// withhold offers, which is why two are asked, and cannot invent them. A
// supplier can promise what it has not, which costs the buyer one refusal, or
// one grant that leads nowhere; the buyer ranks it lower for a while.
//
// Undelivered means "unknown", not "not received". That is why every message
// can be repeated, reordered and delayed without harm, and why what must not
// be forgotten is saved before it is said.
//
// # Changing the protocol
//
// Fields, message types, states and reasons may be added, never renumbered or
// reused. A reader skips fields that it does not know, and reads an unknown
// state, reason, or code as the nearest one it knows. Signed payloads travel
// as the bytes that were signed: a node countersigns, stores and forwards
// fields that it does not understand. A Spec is the exception: its hash covers
// every field, so that a supplier refuses a container of which it does not
// understand a part. CONTRIBUTING.md tells how to add a message.
package market
