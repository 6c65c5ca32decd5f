//go:build !linux

package engine

import "errors"

func sameNamespace(string) error {
	return errors.New("only Linux can wall tenants in")
}
