// Package api is a node's REST interface: the JSON shapes, the Backend that a
// node implements, the Server that puts a Backend on a Unix socket or a TCP
// port, and the Client that the command line uses.
//
// Client implements Backend too. What a caller can do with a node in its own
// process it can do with one behind a socket, with the same signatures and the
// same errors; the tests run one suite against both.
//
// # Shapes
//
// Names are snake_case and carry their unit: milli_cpu, memory_bytes,
// lease_term_ms, latency_us. Quantities are exact integers; dates are RFC 3339
// in UTC. Fields are added, never renamed, within /v1. Requests are read
// strictly: an unknown field is refused by name, a body over MaxBody is refused.
//
// # Streams
//
//   - NDJSON (run, events, stats, leave): one JSON object a line, blank lines
//     keep the connection alive, and a line {"error": {...}} ends a stream that
//     fails after its first line. A failure before that is an ordinary problem.
//   - Frames (logs, exec, attach): see Frame. Logs are a plain response; exec
//     and attach switch protocols with HTTP Upgrade to "caravela-stream/1" and
//     then exchange the same frames in both directions.
//
// # Errors
//
// Every failure is an *Error, RFC 9457 problem+json on the wire, with a Code of
// a closed set and, where there is one, the next command to try. A Backend
// returns *Error for what the user can understand; anything else is logged and
// shown as "internal".
//
// # Access
//
// The Unix socket goes by file permission. TCP asks for a bearer token and
// checks Host and Origin, so that a web page cannot reach a node on localhost.
// An exported identity leaves through the Unix socket only.
//
// # By hand
//
//	curl --unix-socket /run/caravela/api.sock http://node/v1/status
//	curl --unix-socket ... http://node/v1/openapi.json
//	curl --unix-socket ... -N 'http://node/v1/events?follow=true'
//	curl --unix-socket ... -H 'Content-Type: application/json' http://node/v1/run \
//	     -d '{"spec":{"image":"web","resources":{"milli_cpu":500,"memory_bytes":67108864}}}'
//	curl -H "Authorization: Bearer $CARAVELA_API_TOKEN" http://127.0.0.1:7480/metrics
//
// The package imports market for the vocabulary and nothing else of this
// module.
package api
