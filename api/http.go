package api

// What client and server agree on.
const (
	basePath    = "/v1"
	jsonType    = "application/json"
	linesType   = "application/x-ndjson"
	problemType = "application/problem+json"
)
