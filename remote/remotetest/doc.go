// Package remotetest is the battery that every remote.Transport passes: one
// file a subject, one function a property.
package remotetest
