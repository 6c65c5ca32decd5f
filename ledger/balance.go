package ledger

import (
	"fmt"
	"slices"

	"caravela/market"
)

// Change is what an entry adds to a balance. Zero parts stay.
type Change struct {
	Unit        string
	Earned      market.Micro
	Spent       market.Micro
	SettledIn   market.Micro
	SettledOut  market.Micro
	Unconfirmed market.Micro
}

// BalanceOf is the state of an account in one unit; zero when nothing was ever
// due in it.
func BalanceOf(a *market.Account, unit string) market.Balance {
	if i := balance(a.Balances, unit); i >= 0 {
		return a.Balances[i]
	}
	return market.Balance{Unit: unit}
}

// Takes reports whether an account can have a balance in this unit, of which
// it has a bounded number.
func Takes(a *market.Account, unit string) bool {
	return len(a.Balances) < market.MaxBalances || balance(a.Balances, unit) >= 0
}

func balance(list []market.Balance, unit string) int {
	return slices.IndexFunc(list, func(b market.Balance) bool { return b.Unit == unit })
}

// added returns the balances with a change; the old list stays as it is.
// Beyond MaxBalances units nothing is added: Takes was not asked.
func added(list []market.Balance, c Change) []market.Balance {
	if c == (Change{Unit: c.Unit}) {
		return list
	}
	list = slices.Clone(list)
	i := balance(list, c.Unit)
	if i < 0 {
		if len(list) >= market.MaxBalances {
			return list
		}
		list, i = append(list, market.Balance{Unit: c.Unit}), len(list)
	}
	b := &list[i]
	for _, part := range []struct {
		to *market.Micro
		by market.Micro
	}{{&b.Earned, c.Earned}, {&b.Spent, c.Spent}, {&b.SettledIn, c.SettledIn}, {&b.SettledOut, c.SettledOut}, {&b.Unconfirmed, c.Unconfirmed}} {
		*part.to = sum(*part.to, part.by)
	}
	return list
}

// Billed says what a note that was agreed with adds to a lease's bill, in the
// same words on both sides.
func Billed(more, total market.Micro, unit string) string {
	return fmt.Sprintf("%v %s more, %v in all", more, unit, total)
}

// most bounds each part of a balance, so that sums of what hostile peers say
// cannot overflow.
const most market.Micro = 1 << 61

// sum adds two amounts of at most most each. A balance that no honest price
// ever reaches stays where it is.
func sum(a, b market.Micro) market.Micro {
	if a > most-b {
		return most
	}
	return a + b
}
