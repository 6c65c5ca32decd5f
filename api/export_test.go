package api

import (
	"context"
	"net/http"
)

// Handler lets tests call a server without a listener.
func (s *Server) Handler() http.Handler { return s.handler }

// Locally makes a request as if it came through the Unix socket.
func Locally(r *http.Request) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), listenerKey{}, listenerInfo{true, context.Background()}))
}
