package remote

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"caravela/market"
)

// Status is the byte with which a receiver answers.
type Status byte

// The answers.
const (
	StatusTaken     Status = 0
	StatusBusy      Status = 1
	StatusMalformed Status = 2
	StatusRefused   Status = 3
)

// StatusOf maps a Handler's error to the byte that the sender reads.
func StatusOf(err error) Status {
	switch {
	case err == nil:
		return StatusTaken
	case errors.Is(err, ErrBusy):
		return StatusBusy
	case errors.Is(err, ErrMalformed):
		return StatusMalformed
	default:
		return StatusRefused
	}
}

// Err is StatusOf's inverse.
func (s Status) Err() error {
	switch s {
	case StatusTaken:
		return nil
	case StatusBusy:
		return ErrBusy
	case StatusMalformed:
		return ErrMalformed
	case StatusRefused:
		return ErrRefused
	default:
		return fmt.Errorf("%w: status %d", ErrUnknown, s)
	}
}

// AppendBlob appends b with its length before it, as an unsigned varint.
func AppendBlob(dst, b []byte) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(b))), b...)
}

// ReadBlob reads what AppendBlob wrote, max bytes at most. A longer or
// malformed length is ErrTooLarge or ErrMalformed; nothing of it is read.
func ReadBlob(r *bufio.Reader, max int) ([]byte, error) {
	n, err := readUvarint(r)
	if err != nil {
		return nil, err
	}
	if n > uint64(max) {
		return nil, fmt.Errorf("%w: %d bytes announced, at most %d", ErrTooLarge, n, max)
	}
	return readGrowing(r, int(n))
}

// readUvarint accepts the shortest form only, of 5 bytes at most.
func readUvarint(r io.ByteReader) (uint64, error) {
	var v uint64
	for shift := 0; shift < 35; shift += 7 {
		b, err := r.ReadByte()
		if err != nil {
			return 0, err
		}
		v |= uint64(b&0x7f) << shift
		if b&0x80 == 0 {
			if b == 0 && shift > 0 {
				break
			}
			return v, nil
		}
	}
	return 0, fmt.Errorf("%w: length prefix", ErrMalformed)
}

// readGrowing reads n bytes and allocates as they come, so that an announced
// length alone costs the receiver nothing.
func readGrowing(r io.Reader, n int) ([]byte, error) {
	const step = 16 << 10
	buf := make([]byte, 0, min(n, step))
	for len(buf) < n {
		k := min(n-len(buf), max(step, len(buf)))
		buf = append(buf, make([]byte, k)...)
		if _, err := io.ReadFull(r, buf[len(buf)-k:]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return buf, nil
}

// Append appends h as it stands on the wire: kind, lease, arguments.
func (h Header) Append(dst []byte) ([]byte, error) {
	if err := h.Validate(); err != nil {
		return dst, err
	}
	dst = AppendBlob(dst, []byte(h.Kind))
	dst = append(dst, h.Lease[:]...)
	return AppendBlob(dst, h.Args), nil
}

// ReadHeader reads what Append wrote.
func ReadHeader(r *bufio.Reader) (h Header, err error) {
	kind, err := ReadBlob(r, MaxKind)
	if err != nil {
		return h, err
	}
	h.Kind = string(kind)
	if _, err := io.ReadFull(r, h.Lease[:]); err != nil {
		return h, err
	}
	args, err := ReadBlob(r, MaxArgs)
	if err != nil {
		return h, err
	}
	if len(args) > 0 {
		h.Args = args
	}
	return h, h.Validate()
}

// Validate checks the bounds: a kind of lower-case letters and '-'.
func (h Header) Validate() error {
	if h.Kind == "" || len(h.Kind) > MaxKind {
		return fmt.Errorf("%w: header kind of %d bytes", ErrMalformed, len(h.Kind))
	}
	for i := range len(h.Kind) {
		if c := h.Kind[i]; (c < 'a' || c > 'z') && c != '-' {
			return fmt.Errorf("%w: header kind %q", ErrMalformed, h.Kind)
		}
	}
	if len(h.Args) > MaxArgs {
		return fmt.Errorf("%w: arguments of %d bytes, at most %d", ErrTooLarge, len(h.Args), MaxArgs)
	}
	return nil
}

// Codec turns messages into bytes and back. Decode checks everything that a
// stranger could have got wrong, signatures included.
type Codec struct {
	Encode func(Message) ([]byte, error)
	Decode func([]byte) (Message, error)
}

// MarketCodec is the codec of the real protocol.
func MarketCodec() Codec { return Codec{Encode: market.EncodeMessage, Decode: market.DecodeMessage} }
