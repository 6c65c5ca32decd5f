package identity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

var (
	// ErrInUse says that another node runs on the same data directory.
	ErrInUse = errors.New("identity: data directory in use")
	// ErrExposed says that others than the owner can get at a secret.
	ErrExposed = errors.New("identity: not private")
	// ErrExists says that something would have been overwritten.
	ErrExists = errors.New("identity: exists already")
	// ErrDamaged says that a file cannot be read as what it should be.
	ErrDamaged = errors.New("identity: damaged file")
)

// maxFile bounds the files that this package reads, in bytes.
const maxFile = 8 << 20

// orphanWait bounds how long the lock of a node that is gone is waited for.
const orphanWait = 2 * time.Second

// Dir is a data directory that this process has locked.
type Dir struct {
	path string
	lock *os.File
}

// Open makes the directory where there is none (0700), checks that it is
// private, and locks it until Close. ErrInUse names the process that has it.
func Open(path string) (*Dir, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make the data directory: %w; choose another one with --data-dir", err)
	}
	if err := private(path, 0o077); err != nil {
		return nil, err
	}
	lock, err := acquire(filepath.Join(path, "lock"))
	if err != nil {
		return nil, err
	}
	return &Dir{path, lock}, nil
}

// Path is the directory's path.
func (d *Dir) Path() string { return d.path }

// File returns the path of a file in the directory.
func (d *Dir) File(name string) string { return filepath.Join(d.path, name) }

// Close gives the directory free.
func (d *Dir) Close() error { return d.lock.Close() }

// private refuses what belongs to another user, or is open to others in one
// of the bits of mask.
func private(path string, mask fs.FileMode) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if ok && int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%w: %s belongs to user %d, and this process runs as user %d; run it as that user, or: chown -R %d %s",
			ErrExposed, path, st.Uid, os.Geteuid(), os.Geteuid(), path)
	}
	if extra := info.Mode().Perm() & mask; extra != 0 {
		return fmt.Errorf("%w: %s has mode %04o; others could take this node's identity; type: chmod %04o %s",
			ErrExposed, path, info.Mode().Perm(), info.Mode().Perm()&^mask, path)
	}
	return nil
}

func acquire(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, notLocked(err)
	}
	if err := flock(f); err != nil {
		holder := readPID(f)
		f.Close()
		return nil, fmt.Errorf("%w: a node (process %s) runs on %s; stop it first (kill %s), or give this one another --data-dir",
			ErrInUse, holder, filepath.Dir(path), holder)
	}
	err = f.Truncate(0)
	if err == nil {
		_, err = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	if err != nil {
		f.Close()
		return nil, notLocked(err)
	}
	return f, nil
}

// flock takes the lock, or fails where a node that lives holds it. A child that
// a killed node was about to start holds it too, until it has become another
// program: moments after its node's death, for which one waits.
func flock(f *os.File) error {
	for end := time.Now().Add(orphanWait); ; time.Sleep(orphanWait / 100) {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil || !errors.Is(err, syscall.EWOULDBLOCK) || !gone(readPID(f)) || time.Now().After(end) {
			return err
		}
	}
}

// gone reports whether there is no such process any more.
func gone(pid string) bool {
	n, err := strconv.Atoi(pid)
	return err == nil && errors.Is(syscall.Kill(n, 0), syscall.ESRCH)
}

// notLocked says what to do, where the disk is what is wrong.
func notLocked(err error) error {
	switch {
	case errors.Is(err, syscall.EROFS):
		return fmt.Errorf("lock the data directory: %w; mount its disk for writing and start the node again", err)
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("lock the data directory: %w; free some space and start the node again", err)
	}
	return fmt.Errorf("lock the data directory: %w", err)
}

func readPID(f *os.File) string {
	b := make([]byte, 16)
	n, _ := f.ReadAt(b, 0) // what is read is for the message only
	if s := strings.TrimSpace(string(b[:n])); s != "" {
		return s
	}
	return "unknown"
}

// load reads a JSON file; fs.ErrNotExist where there is none.
func (d *Dir) load(name string, v any) error {
	b, err := readBounded(d.File(name))
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(v); err != nil {
		return fmt.Errorf("%w: %s: %w; restore it from a backup", ErrDamaged, d.File(name), err)
	}
	return nil
}

// save replaces a JSON file as a whole, durably.
func (d *Dir) save(name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return replace(d.File(name), append(b, '\n'))
}

// remove deletes a file; that there is none is no error.
func (d *Dir) remove(name string) error {
	if err := os.Remove(d.File(name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	return nil
}

func readBounded(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%w: %s is not a file of at most %d bytes", ErrDamaged, path, maxFile)
	}
	return os.ReadFile(path)
}

// replace writes beside path, syncs, and renames over it.
func replace(path string, b []byte) error {
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	defer func() { _ = os.Remove(tmp.Name()) }() // gone already after the rename
	_, err = tmp.Write(b)
	err = errors.Join(err, tmp.Chmod(0o600), tmp.Sync(), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path))
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}
