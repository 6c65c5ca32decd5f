package node

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"caravela/api"
)

// Bounds of what is kept of the past on disk: two files of this size, the
// older of which goes when the newer is full.
const (
	maxEventFile  = 1 << 20
	maxUnsaved    = 4096
	maxEventLine  = 64 << 10
	saveEventsGap = 200 * time.Millisecond // events that come together are written together
)

// eventLog is the newest part of a feed, on disk. It is no promise: what a
// crash of the machine loses of it nobody is owed.
type eventLog struct {
	path string
	file *os.File
	size int64
}

// load returns the events that were kept, oldest first, damaged lines left
// out.
func (l *eventLog) load() ([]api.Event, error) {
	var out []api.Event
	for _, path := range []string{l.older(), l.path} {
		list, err := readEvents(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read events: %w", err)
		}
		for _, e := range list {
			if len(out) == 0 || e.Seq > out[len(out)-1].Seq {
				out = append(out, e)
			}
		}
	}
	return out[max(0, len(out)-maxEvents):], nil
}

func (l *eventLog) older() string { return l.path + ".1" }

func readEvents(path string) ([]api.Event, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []api.Event
	lines := bufio.NewScanner(io.LimitReader(f, 2*maxEventFile))
	lines.Buffer(nil, maxEventLine)
	for lines.Scan() {
		var e api.Event
		if json.Unmarshal(lines.Bytes(), &e) == nil && e.Seq > 0 {
			out = append(out, e)
		}
	}
	return out, lines.Err()
}

// append writes events behind those that are there.
func (l *eventLog) append(events []api.Event) error {
	var b bytes.Buffer
	for _, e := range events {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		if len(line) < maxEventLine {
			b.Write(append(line, '\n'))
		}
	}
	if err := l.ready(int64(b.Len())); err != nil {
		return err
	}
	n, err := l.file.Write(b.Bytes())
	l.size += int64(n)
	return err
}

// ready opens the file, or begins a new one where n bytes have no room.
func (l *eventLog) ready(n int64) error {
	if l.file != nil && l.size > 0 && l.size+n > maxEventFile {
		l.close()
		if err := os.Rename(l.path, l.older()); err != nil {
			return err
		}
	}
	if l.file != nil {
		return nil
	}
	f, err := os.OpenFile(l.path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.file, l.size = f, info.Size()
	if l.size > 0 { // a line may be torn
		_, err = f.WriteString("\n")
		l.size++
	}
	return err
}

func (l *eventLog) close() {
	if l.file != nil {
		_ = l.file.Close() // what is lost is not owed
		l.file = nil
	}
}

// keepEvents writes what happens to the disk until ctx ends.
func (n *Node) keepEvents(ctx context.Context) {
	defer n.events.close()
	failing := false
	for more := true; more; {
		changed := n.feed.wait()
		if events := n.feed.unkept(); len(events) > 0 {
			err := n.events.append(events)
			if err != nil && !failing {
				n.log.Warn("events cannot be kept", "error", err)
				n.events.close()
			}
			failing = err != nil
		}
		if more = ctx.Err() == nil; !more {
			return
		}
		select {
		case <-changed:
			pause(ctx, saveEventsGap)
		case <-ctx.Done():
		}
	}
}
