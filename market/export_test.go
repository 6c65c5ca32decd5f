package market

// The ends of the enumerations that grow.
const (
	EndOfOps     = int(maxOp)
	EndOfStates  = int(maxState)
	EndOfReasons = int(maxReason)
	EndOfMisses  = int(maxMiss)
	EndOfNotes   = int(maxNote)
	EndOfNotices = int(maxNotice)
)
