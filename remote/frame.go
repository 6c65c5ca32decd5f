package remote

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// FrameKind says what a frame's data is.
type FrameKind uint8

// The kinds of frames. An unknown kind ends the stream.
const (
	Stdin  FrameKind = iota + 1 // bytes for the container's standard input
	Stdout                      // bytes of its standard output
	Stderr                      // bytes of its standard error
	Resize                      // 4 bytes: rows and columns, big endian
	Exit                        // 4 bytes: exit code, big endian; nothing follows
	Fail                        // text for the user; nothing follows
	Data                        // anything else: JSON documents, tar, tunnelled bytes
	maxKind
)

// ErrFrame says that the peer sent bytes that are no frame.
var ErrFrame = errors.New("remote: malformed frame")

// Frame is one unit of a stream. A frame is on the wire: kind (1 byte), length
// of the data (2 bytes, big endian), data.
type Frame struct {
	Kind FrameKind
	Data []byte // at most MaxFrame
}

const frameHead = 3

// AppendFrame appends f as it stands on the wire.
func AppendFrame(b []byte, f Frame) ([]byte, error) {
	if err := f.check(); err != nil {
		return b, err
	}
	b = append(b, byte(f.Kind))
	b = binary.BigEndian.AppendUint16(b, uint16(len(f.Data)))
	return append(b, f.Data...), nil
}

// ReadFrame reads one frame; its data is appended to buf[:0]. io.EOF means
// that r ended between two frames, ErrFrame that it holds something else.
func ReadFrame(r io.Reader, buf []byte) (Frame, error) {
	var head [frameHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return Frame{}, truncated(err)
	}
	f := Frame{Kind: FrameKind(head[0])}
	n := int(binary.BigEndian.Uint16(head[1:]))
	if n > MaxFrame {
		return Frame{}, fmt.Errorf("%w: %d bytes of data", ErrFrame, n)
	}
	if cap(buf) < n {
		buf = make([]byte, n)
	}
	f.Data = buf[:n]
	if _, err := io.ReadFull(r, f.Data); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return Frame{}, truncated(err)
	}
	return f, f.check()
}

func truncated(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: cut off: %w", ErrFrame, err)
	}
	return err
}

func (f Frame) check() error {
	switch {
	case f.Kind == 0 || f.Kind >= maxKind:
		return fmt.Errorf("%w: kind %d", ErrFrame, f.Kind)
	case len(f.Data) > MaxFrame:
		return fmt.Errorf("%w: %d bytes of data", ErrFrame, len(f.Data))
	case (f.Kind == Resize || f.Kind == Exit) && len(f.Data) != 4:
		return fmt.Errorf("%w: kind %d with %d bytes", ErrFrame, f.Kind, len(f.Data))
	}
	return nil
}

// Size returns the rows and columns of a Resize frame.
func (f Frame) Size() (rows, cols uint16) {
	return binary.BigEndian.Uint16(f.Data), binary.BigEndian.Uint16(f.Data[2:])
}

// Code returns the exit code of an Exit frame.
func (f Frame) Code() int { return int(int32(binary.BigEndian.Uint32(f.Data))) }
