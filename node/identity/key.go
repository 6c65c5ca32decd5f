package identity

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"caravela/market"
)

const (
	keyFile  = "identity.key"
	pemBlock = "PRIVATE KEY" // PKCS #8, as openssl writes and reads it
)

// KeyPath is where a node with this data directory keeps its private key.
func KeyPath(dir string) string { return filepath.Join(dir, keyFile) }

// Key returns the node's private key, and makes one in a new directory.
func (d *Dir) Key() (ed25519.PrivateKey, error) {
	path := KeyPath(d.path)
	b, err := readBounded(path)
	if errors.Is(err, fs.ErrNotExist) {
		return d.newKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("read the identity: %w", err)
	}
	if err := private(path, 0o077); err != nil {
		return nil, err
	}
	key, err := ParseKey(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func (d *Dir) newKey(path string) (ed25519.PrivateKey, error) {
	// A directory that belongs to a network had a key: a new one would lose
	// every lease without a word.
	if _, err := os.Stat(d.File(networkFile)); err == nil {
		return nil, fmt.Errorf("%w: %s belongs to a network and has no %s; restore the key from a backup (caravela identity import FILE), or move the directory away to begin anew",
			ErrDamaged, d.path, keyFile)
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make an identity: %w", err)
	}
	return key, replace(path, FormatKey(key))
}

// FormatKey returns the content of a key file.
func FormatKey(key ed25519.PrivateKey) []byte {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic("identity: an Ed25519 key that has no PKCS #8 form: " + err.Error())
	}
	return pem.EncodeToMemory(&pem.Block{Type: pemBlock, Bytes: der})
}

// ParseKey reads what FormatKey wrote; anything else is ErrDamaged.
func ParseKey(b []byte) (ed25519.PrivateKey, error) {
	block, _ := pem.Decode(b)
	if block == nil || block.Type != pemBlock {
		return nil, fmt.Errorf("%w: not a private key in PEM form", ErrDamaged)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	key, ok := k.(ed25519.PrivateKey)
	if !ok {
		return nil, fmt.Errorf("%w: not an Ed25519 key", ErrDamaged)
	}
	return key, nil
}

// Restore puts a backup of a key into a data directory that has none, and
// returns whose it is. ErrExists where there is one: an identity is never
// overwritten.
func Restore(dir string, backup []byte) (market.PeerID, error) {
	key, err := ParseKey(backup)
	if err != nil {
		return market.PeerID{}, err
	}
	d, err := Open(dir)
	if err != nil {
		return market.PeerID{}, err
	}
	defer d.Close()
	id := market.PeerID(key.Public().(ed25519.PublicKey))
	if _, err := os.Lstat(KeyPath(dir)); err == nil {
		return id, fmt.Errorf("%w: %s; move it away first if you mean to replace this node's identity", ErrExists, KeyPath(dir))
	}
	return id, replace(KeyPath(dir), FormatKey(key))
}
