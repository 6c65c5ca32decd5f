// Package audit verifies the logs of a store with all cores: signatures are
// most of the work, and each can be checked on its own. What a log must say is
// package ledger's; here is only who reads it and how fast.
//
// A store that no node has open is read with store.OpenReadOnly; a running
// node audits its own.
package audit
