package market_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"google.golang.org/protobuf/encoding/protowire"

	"caravela/market"
)

// schema is docs/protocol.proto, as far as this test needs it.
type schema struct {
	messages map[string]map[protowire.Number]field
	enums    map[string]map[int]string
	seen     map[string]bool // "Offer.free"
}

type field struct {
	name, typ string
	repeated  bool
}

var (
	blockLine = regexp.MustCompile(`^(message|enum) (\w+) \{(\})?$`)
	fieldLine = regexp.MustCompile(`^(repeated )?(\w+) (\w+) = (\d+)( \[packed = false\])?;`)
	valueLine = regexp.MustCompile(`^(\w+) = (\d+);`)
)

func readSchema(t *testing.T) *schema {
	t.Helper()
	text, err := os.ReadFile("../docs/protocol.proto")
	if err != nil {
		t.Fatal(err)
	}
	s := &schema{map[string]map[protowire.Number]field{}, map[string]map[int]string{}, map[string]bool{}}
	kind, name := "", ""
	for i, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		switch b := blockLine.FindStringSubmatch(line); {
		case b != nil:
			kind, name = b[1], b[2]
			if kind == "message" {
				s.messages[name] = map[protowire.Number]field{}
			} else {
				s.enums[name] = map[int]string{}
			}
		case line == "}" || line == "" || strings.HasPrefix(line, "//") || strings.HasPrefix(line, "syntax") || strings.HasPrefix(line, "package"):
		case kind == "message" && fieldLine.MatchString(line):
			f := fieldLine.FindStringSubmatch(line)
			n, _ := strconv.Atoi(f[4])
			s.messages[name][protowire.Number(n)] = field{f[3], f[2], f[1] != ""}
		case kind == "enum" && valueLine.MatchString(line):
			f := valueLine.FindStringSubmatch(line)
			n, _ := strconv.Atoi(f[2])
			s.enums[name][n] = f[1]
		default:
			t.Fatalf("protocol.proto:%d: %q is not understood", i+1, line)
		}
	}
	return s
}

// check walks bytes as the schema says they are: known fields only, of the
// right wire type, in ascending order, and single unless they are repeated.
func (s *schema) check(message string, b []byte) error {
	fields, ok := s.messages[message]
	if !ok {
		return fmt.Errorf("no message %s", message)
	}
	last := protowire.Number(0)
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("%s: %w", message, protowire.ParseError(n))
		}
		b = b[n:]
		f, ok := fields[num]
		if !ok {
			return fmt.Errorf("%s: unknown field %d", message, num)
		}
		if num < last || num == last && !f.repeated {
			return fmt.Errorf("%s.%s after field %d", message, f.name, last)
		}
		last = num
		s.seen[message+"."+f.name] = true
		n, err := s.value(f, typ, b)
		if err != nil {
			return fmt.Errorf("%s.%s: %w", message, f.name, err)
		}
		b = b[n:]
	}
	return nil
}

func (s *schema) value(f field, typ protowire.Type, b []byte) (int, error) {
	if _, ok := s.messages[f.typ]; ok || f.typ == "string" || f.typ == "bytes" {
		v, n := protowire.ConsumeBytes(b)
		if typ != protowire.BytesType || n < 0 {
			return n, fmt.Errorf("wire type %d for %s", typ, f.typ)
		}
		if ok {
			return n, s.check(f.typ, v)
		}
		return n, nil
	}
	v, n := protowire.ConsumeVarint(b)
	if typ != protowire.VarintType || n < 0 {
		return n, fmt.Errorf("wire type %d for %s", typ, f.typ)
	}
	switch f.typ {
	case "bool":
		if v > 1 {
			return n, fmt.Errorf("bool of %d", v)
		}
	case "uint32", "uint64", "sint64":
	default:
		if s.enums[f.typ][int(v)] == "" {
			return n, fmt.Errorf("%s has no value %d", f.typ, v)
		}
	}
	return n, nil
}

// docs/protocol.proto describes the bytes that are sent, all of them and
// nothing else.
func TestProtocolDocument(t *testing.T) {
	s := readSchema(t)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Error(err)
		}
	}
	payloads := map[market.Kind]string{
		market.KindOffer: "Offer", market.KindLease: "Lease", market.KindStatus: "Status",
		market.KindGenesis: "Genesis", market.KindParams: "Params",
		market.KindHold: "Hold", market.KindUsage: "UsageNote", market.KindNotice: "Notice",
		market.KindReceipt: "Receipt", market.KindSettlement: "Settlement",
	}
	for _, v := range readGolden[vector](t, "objects.json") {
		must(s.check("Envelope", unhex(t, v.Envelope)))
		must(s.check(payloads[v.Kind], unhex(t, v.Payload)))
	}
	types := s.enums["MessageType"]
	for _, m := range readGolden[wire](t, "messages.json") {
		b := unhex(t, m.Bytes)
		if m.Name == "Spec" {
			must(s.check("Spec", b))
			continue
		}
		must(s.check("Message", b))
		_, _, n := protowire.ConsumeTag(b)
		number, k := protowire.ConsumeVarint(b[n:])
		name, _, _ := strings.Cut(m.Name, ",")
		if camel(types[int(number)]) != name {
			t.Errorf("message %d is %s in the code and %s in the document", number, name, types[int(number)])
		}
		b = b[n+k:]
		_, _, n = protowire.ConsumeTag(b)
		body, _ := protowire.ConsumeBytes(b[n:])
		must(s.check(name, body))
	}
	throwaway := testSpec()
	throwaway.Restart, throwaway.Remove = market.Restart{}, true
	must(s.check("Spec", market.EncodeSpec(throwaway)))

	for message, fields := range s.messages {
		for _, f := range fields {
			if !s.seen[message+"."+f.name] {
				t.Errorf("%s.%s stands in the document and is never sent", message, f.name)
			}
		}
	}
}

// camel turns CREATE_OFFER into CreateOffer.
func camel(s string) (out string) {
	for _, word := range strings.Split(strings.ToLower(s), "_") {
		if word != "" {
			out += strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return out
}

func TestProtocolDocumentHasAllValues(t *testing.T) {
	s := readSchema(t)
	for name, want := range map[string]int{
		"MessageType": len(everyMessage()) + 1, "Op": market.EndOfOps, "State": market.EndOfStates,
		"Reason": market.EndOfReasons, "MissKind": market.EndOfMisses, "AckCode": int(market.AckMerge) + 1,
		"Reach": int(market.ReachPublic) + 1, "Renew": int(market.RenewNever) + 1, "Strategy": int(market.Cheapest) + 1, "NoticeKind": market.EndOfNotices,
		"RestartPolicy": int(market.RestartUnlessStopped) + 1, "Pull": int(market.PullNever) + 1,
	} {
		if len(s.enums[name]) != want {
			t.Errorf("%s has %d values in the document and %d in the code", name, len(s.enums[name]), want)
		}
	}
	for i := range market.EndOfStates {
		if got := "STATE_" + strings.ToUpper(market.State(i).String()); s.enums["State"][i] != got {
			t.Errorf("state %d is %s in the code and %s in the document", i, got, s.enums["State"][i])
		}
	}
}
