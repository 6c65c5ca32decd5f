package market

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
)

// ErrMalformed is wrapped by every error about bytes or values that no honest
// peer produces.
var ErrMalformed = errors.New("market: malformed")

// The encoding is protobuf's wire format, restricted to varints and
// length-delimited fields; docs/protocol.proto describes the messages for
// other implementations. A writer leaves out zero values and writes fields in
// ascending order; a reader skips fields that it does not know, so that later
// versions can add some.

// enc appends fields to b.
type enc struct{ b []byte }

func (e *enc) uint(field int, v uint64) {
	if v != 0 {
		e.b = binary.AppendUvarint(e.b, uint64(field)<<3)
		e.b = binary.AppendUvarint(e.b, v)
	}
}

// int writes a signed number in zigzag form.
func (e *enc) int(field int, v int64) { e.uint(field, uint64(v<<1)^uint64(v>>63)) }

func (e *enc) bool(field int, v bool) {
	if v {
		e.uint(field, 1)
	}
}

func (e *enc) bytes(field int, v []byte) {
	if len(v) != 0 {
		e.raw(field, v)
	}
}

// raw writes v even when it is empty: an element of a list.
func (e *enc) raw(field int, v []byte) {
	e.b = binary.AppendUvarint(e.b, uint64(field)<<3|2)
	e.b = binary.AppendUvarint(e.b, uint64(len(v)))
	e.b = append(e.b, v...)
}

func (e *enc) str(field int, v string) { e.bytes(field, []byte(v)) }

func (e *enc) strs(field int, v []string) {
	for _, s := range v {
		e.raw(field, []byte(s))
	}
}

// id writes 32 bytes, unless they are all zero.
func (e *enc) id(field int, v [32]byte) {
	if v != ([32]byte{}) {
		e.raw(field, v[:])
	}
}

// sub writes a nested message, even when it is empty.
func (e *enc) sub(field int, f func(*enc)) {
	var n enc
	f(&n)
	e.raw(field, n.b)
}

func each[T any](e *enc, field int, list []T, f func(*enc, *T)) {
	for i := range list {
		e.sub(field, func(n *enc) { f(n, &list[i]) })
	}
}

// dec reads fields one after the other. The first error sticks.
type dec struct {
	b     []byte
	field int
	num   uint64
	data  []byte
	isNum bool
	trust trust  // of the envelopes within
	seen  uint64 // the fields, up to 63, that once has met
	err   error
}

// fields calls f for each field of b.
func fields(b []byte, f func(*dec)) error { return verify.fields(b, f) }

func (t trust) fields(b []byte, f func(*dec)) error {
	d := dec{b: b, trust: t}
	for d.next() {
		f(&d)
	}
	return d.err
}

func (d *dec) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: field %d: %s", ErrMalformed, d.field, what)
	}
}

// once refuses a field that stands twice. Where reading one costs a signature's
// verification, a message full of repetitions would be a cheap attack.
func (d *dec) once() {
	bit := uint64(1) << d.field
	if d.seen&bit != 0 {
		d.fail("stands twice")
	}
	d.seen |= bit
}

func (d *dec) varint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("truncated number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *dec) next() bool {
	if d.err != nil || len(d.b) == 0 {
		return false
	}
	tag := d.varint()
	d.num, d.data, d.isNum = 0, nil, false
	if tag>>3 == 0 || tag>>3 > 1<<20 {
		d.fail("field number out of range")
		return false
	}
	d.field = int(tag >> 3)
	switch tag & 7 {
	case 0:
		d.num, d.isNum = d.varint(), true
	case 2:
		n := d.varint()
		if n > uint64(len(d.b)) {
			d.fail("truncated bytes")
			return false
		}
		d.data, d.b = d.b[:n:n], d.b[n:]
	default:
		d.fail("unknown wire type")
	}
	return d.err == nil
}

func (d *dec) uint() uint64 {
	if !d.isNum {
		d.fail("number expected")
	}
	return d.num
}

// upTo reads a number of at most limit.
func (d *dec) upTo(limit uint64) uint64 {
	if d.uint() > limit {
		d.fail("number out of range")
		return 0
	}
	return d.num
}

func (d *dec) int() int64 { v := d.uint(); return int64(v>>1) ^ -int64(v&1) }

func (d *dec) int32() int32 {
	v := d.int()
	if v < math.MinInt32 || v > math.MaxInt32 {
		d.fail("number out of range")
		return 0
	}
	return int32(v)
}

func (d *dec) bool() bool { return d.upTo(1) == 1 }

// envelope returns a copy, so that nothing keeps the network's buffer alive.
func (d *dec) envelope() []byte { return append([]byte(nil), d.view(MaxOfferBytes)...) }

func (d *dec) view(limit int) []byte {
	if d.isNum {
		d.fail("bytes expected")
		return nil
	}
	if len(d.data) > limit {
		d.fail("too long")
		return nil
	}
	return d.data
}

func (d *dec) str(limit int) string { return string(d.view(limit)) }

func (d *dec) id() (v [32]byte) {
	if d.isNum || len(d.data) != 32 {
		d.fail("32 bytes expected")
		return v
	}
	return [32]byte(d.data)
}

// sub reads a nested message.
func (d *dec) sub(f func(*dec)) {
	if d.isNum {
		d.fail("message expected")
		return
	}
	if err := d.trust.fields(d.data, f); err != nil && d.err == nil {
		d.err = fmt.Errorf("field %d: %w", d.field, err)
	}
}

// add appends a nested message to a list of at most limit.
func add[T any](d *dec, list *[]T, limit int, f func(*dec, *T)) {
	if len(*list) >= limit {
		d.fail("too many")
		return
	}
	var v T
	d.sub(func(n *dec) { f(n, &v) })
	*list = append(*list, v)
}

func (d *dec) addStr(list *[]string, limit, size int) {
	if len(*list) >= limit {
		d.fail("too many")
		return
	}
	*list = append(*list, d.str(size))
}

func (d *dec) addID(list *[]PeerID, limit int) {
	if len(*list) >= limit {
		d.fail("too many")
		return
	}
	*list = append(*list, d.id())
}
