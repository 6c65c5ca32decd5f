// Package fake is a docker.Engine in memory, for tests of what stands above
// it: a Daemon holds what a machine's daemon would, and hands out engines for
// scopes. Programs stand for images; Toolbox plays the verbs of
// docker/dockertest's test image. Nothing is random, and time passes by
// package time only, so it runs in a testing/synctest bubble.
//
// A Daemon also fails on request: see Fault, CutAt, GoDown, Freeze, Vanish,
// HoldPort and FillDisk. Each of these was provoked on a real daemon by the
// same battery, docker/dockertest.
package fake
