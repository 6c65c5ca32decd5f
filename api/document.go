package api

import (
	_ "embed"
	"net/http"
)

// document is the OpenAPI 3.1 description of the routes and shapes. It is made
// from the table of routes and the Go types with
//
//	go test ./api -run TestOpenAPI -update
//
// and a test fails while it is not what these say.
//
//go:embed openapi.json
var document []byte

func documentEndpoint() endpoint {
	src := nothing()
	return endpoint{kind: kindFile, serve: func(_ *Server, w http.ResponseWriter, r *http.Request, _ string) error {
		if _, err := src.read(w, r); err != nil {
			return err
		}
		w.Header().Set("Content-Type", jsonType)
		_, _ = w.Write(document)
		return nil
	}}
}
