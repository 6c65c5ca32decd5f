package api

import "time"

// What client and server agree on.
const (
	basePath    = "/v1"
	jsonType    = "application/json"
	linesType   = "application/x-ndjson"
	problemType = "application/problem+json"
)

// Bounds of the server.
const (
	// MaxBody bounds a request's body in bytes.
	MaxBody = 1 << 20
	// maxHeader bounds a request's header in bytes.
	maxHeader = 32 << 10
	// headTimeout and bodyTimeout bound how long a client may take to send.
	headTimeout = 10 * time.Second
	bodyTimeout = 30 * time.Second
	// idleTimeout closes a connection that asks for nothing.
	idleTimeout = 2 * time.Minute
	// lastFrameTimeout bounds how long a client may take for the end of a session.
	lastFrameTimeout = time.Second
	// drainTimeout bounds the wait for requests under way when a server stops.
	drainTimeout = 5 * time.Second
)
