package api

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// FrameType says what a frame's payload is.
type FrameType uint8

// The frames of a byte stream. On the wire each is one byte of type, four bytes
// of payload length (big-endian) and the payload.
const (
	FrameAlive    FrameType = iota // either way: empty, ignored, shows that the sender lives
	FrameInput                     // to the node: bytes for stdin
	FrameInputEnd                  // to the node: empty, stdin is closed
	FrameResize                    // to the node: rows and columns, two bytes each
	FrameOutput                    // from the node: bytes of stdout
	FrameErrors                    // from the node: bytes of stderr
	FrameExit                      // from the node: exit code, four bytes, two's complement; the last frame
	FrameFailure                   // from the node: problem+json; the last frame
)

// MaxFrame bounds a frame's payload in bytes.
const MaxFrame = 32 << 10

// ErrBadFrame is wrapped by the errors of a malformed frame.
var ErrBadFrame = errors.New("api: malformed frame")

const frameHeader = 5

// frameReader reads frames into one buffer.
type frameReader struct {
	r   io.Reader
	buf []byte
}

// next returns the next frame; the payload is valid until the next call. A
// stream that ends between frames is io.EOF, inside one io.ErrUnexpectedEOF.
func (f *frameReader) next() (FrameType, []byte, error) {
	var h [frameHeader]byte
	if _, err := io.ReadFull(f.r, h[:]); err != nil {
		return 0, nil, err
	}
	t, n := FrameType(h[0]), binary.BigEndian.Uint32(h[1:])
	if err := checkFrame(t, n); err != nil {
		return 0, nil, err
	}
	if f.buf == nil {
		f.buf = make([]byte, MaxFrame)
	}
	if _, err := io.ReadFull(f.r, f.buf[:n]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	return t, f.buf[:n], nil
}

func checkFrame(t FrameType, n uint32) error {
	switch {
	case t > FrameFailure:
		return fmt.Errorf("%w: type %d", ErrBadFrame, t)
	case n > MaxFrame:
		return fmt.Errorf("%w: %d bytes; at most %d", ErrBadFrame, n, MaxFrame)
	case (t == FrameResize || t == FrameExit) && n != 4:
		return fmt.Errorf("%w: %d bytes in a frame of four", ErrBadFrame, n)
	case (t == FrameAlive || t == FrameInputEnd) && n != 0:
		return fmt.Errorf("%w: %d bytes in an empty frame", ErrBadFrame, n)
	}
	return nil
}

// appendFrame appends one frame. The payload fits MaxFrame.
func appendFrame(b []byte, t FrameType, payload []byte) []byte {
	b = append(b, byte(t))
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
	return append(b, payload...)
}

func resizePayload(s Size) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, s.Rows), s.Columns)
}

func resizeOf(p []byte) Size {
	return Size{Rows: binary.BigEndian.Uint16(p), Columns: binary.BigEndian.Uint16(p[2:])}
}

func exitPayload(code int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(int32(code))) }

func exitOf(p []byte) int { return int(int32(binary.BigEndian.Uint32(p))) }

// failurePayload encodes e, without its lists if these make it too long.
func failurePayload(e *Error) []byte {
	b, err := json.Marshal(e)
	if err != nil || len(b) > MaxFrame {
		short := Error{Type: e.Type, Title: e.Title, Status: e.Status, Code: e.Code, Detail: clip(e.Detail), Next: clip(e.Next)}
		b, _ = json.Marshal(&short) // plain strings: cannot fail
	}
	return b
}

// clip shortens what is quoted back to the user.
func clip(s string) string {
	const most = 512
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}
