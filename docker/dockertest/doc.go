// Package dockertest is the battery that every docker.Engine must pass: one
// file a property. docker/fake runs it always, docker/engine on a real daemon
// under the build tag docker.
//
// A Rig says how to get engines and how to break what is below them. Each
// fault that docker/fake can inject is provoked here through the Rig, so that
// what the fake does is what a real daemon was seen to do.
package dockertest
