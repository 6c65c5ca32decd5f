package configuration

import (
	"strings"
	"testing"
	"time"

	"caravela/market"
)

// TestMoneyIsRead: prices, terms, credit and the webhook come from the file as
// people write them.
func TestMoneyIsRead(t *testing.T) {
	path := write(t, `
[price]
unit = "EUR"
core = 0.02
memory = "0.005"
start = 1
command = ["/usr/local/bin/price", "--night", "a,b"]
[lease]
interval = "10s"
bear = 2
grace = "1m"
notice = "1h"
[credit]
unknown = "2h"
[ledger]
keep = "30d"
[webhook]
url = "https://example.org/hook?x=1"
events = ["notice"]
`)
	e, err := Load(Sources{Place: ana(), File: path})
	if err != nil {
		t.Fatal(err)
	}
	want := market.Price{Unit: "EUR", Core: 20_000, Memory: 5_000, Start: 1_000_000}
	if got := e.Price.Rates(); got != want || len(e.Price.Command) != 3 || e.Price.Command[2] != "a,b" {
		t.Errorf("price %+v, command %q", got, e.Price.Command)
	}
	if e.Lease != (Lease{10 * time.Second, 2, time.Minute, time.Hour}) || e.Credit.Unknown != 2*time.Hour || e.Ledger.Keep != 30*Day {
		t.Errorf("%+v %+v %+v", e.Lease, e.Credit, e.Ledger)
	}
	if e.Webhook.URL == "" || len(e.Webhook.Events) != 1 {
		t.Errorf("%+v", e.Webhook)
	}
	c := DefaultConfig()
	if got := c.Price.Rates(); got != (market.Price{}) {
		t.Errorf("what is free has a unit: %+v", got)
	}
}

// TestMoneyIsChecked: what no lease could have is refused with its line, its
// key and what to write instead.
func TestMoneyIsChecked(t *testing.T) {
	for text, says := range map[string]string{
		"[price]\ncore = -1":                           "price.core",
		"[price]\ncore = 0.0000001":                    "six decimals",
		"[price]\ncore = 2000000":                      "use a larger unit",
		"[price]\nunit = \"$\"":                        "price.unit",
		"[price]\nunit = \"\"":                         "1 to 16 letters",
		"[price]\ncommand = [\"price\"]":               "absolute path",
		"[lease]\ninterval = \"500ms\"":                "whole seconds",
		"[lease]\ninterval = \"48h\"":                  "lease.interval",
		"[lease]\nbear = -1":                           "0 to 1000",
		"[lease]\ngrace = \"60d\"":                     "lease.grace",
		"[lease]\nnotice = \"1.5s\"":                   "lease.notice",
		"[credit]\nunknown = \"0s\"":                   "credit.unknown",
		"[ledger]\nkeep = \"-1h\"":                     "ledger.keep",
		"[webhook]\nurl = \"ftp://x/\"":                "http://",
		"[webhook]\nurl = \"https://me:secret@x.org\"": "without a password",
		"[webhook]\nsecret-file = \"key\"":             "absolute path",
		"[webhook]\nevents = [\"webhook\"]":            "not a type of event",
		"[webhook]\nevent = \"x\"":                     "did you mean webhook.events",
	} {
		path := write(t, text+"\n")
		_, err := Load(Sources{Place: ana(), File: path})
		if err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path+":2") {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if strings.Contains(err.Error(), "secret@") {
			t.Errorf("a password is shown: %v", err)
		}
	}
}
