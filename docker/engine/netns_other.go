//go:build !linux

package engine

import (
	"context"
	"errors"
)

func sameNamespace(context.Context, string) error {
	return errors.New("only Linux can wall tenants in")
}
