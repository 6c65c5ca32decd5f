package api

import (
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// admit decides on a request over TCP. A browser can be made to send requests
// here by any page that it shows, so besides the token these must hold: Host
// is an address or a name that we know (a rebound DNS name is neither), and
// Origin, where there is one, is our own or a listed one.
//
// done reports that the request was a browser's preflight and is answered.
func (s *Server) admit(w http.ResponseWriter, r *http.Request) (done bool, err error) {
	if !s.hostAllowed(r.Host) {
		return false, s.refused(r, Errorf(CodeUnauthorized, "the name %q in Host is not one of this node's", clip(r.Host)).
			WithNext("add it to api.allowed-hosts in the node's configuration"))
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		if !s.originAllowed(origin, r.Host) {
			return false, s.refused(r, Errorf(CodeUnauthorized, "pages of %q may not call this node", clip(origin)).
				WithNext("add it to api.allowed-origins in the node's configuration"))
		}
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Add("Vary", "Origin")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			w.Header().Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
			w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			w.WriteHeader(http.StatusNoContent)
			return true, nil
		}
	}
	if !s.tokenRight(r.Header.Get("Authorization")) {
		return false, s.refused(r, Errorf(CodeUnauthorized, "over TCP the API needs the node's token").
			WithNext("set CARAVELA_API_TOKEN to the content of api-token in the node's data directory"))
	}
	return false, nil
}

func (s *Server) refused(r *http.Request, e *Error) error {
	s.metrics.refused.Inc()
	s.cfg.Log.Warn("api access refused", "from", r.RemoteAddr, "path", clip(r.URL.Path), "cause", e.Detail)
	return e
}

// hostAllowed accepts addresses, localhost and the configured names.
func (s *Server) hostAllowed(hostport string) bool {
	host, _, err := net.SplitHostPort(hostport)
	if err != nil {
		host = strings.Trim(hostport, "[]")
	}
	host = strings.ToLower(host)
	if _, err := netip.ParseAddr(host); err == nil || host == "localhost" {
		return true
	}
	return slices.ContainsFunc(s.cfg.AllowedHosts, func(h string) bool { return strings.EqualFold(h, host) })
}

// originAllowed accepts the server's own origin and the configured ones.
func (s *Server) originAllowed(origin, host string) bool {
	if slices.ContainsFunc(s.cfg.AllowedOrigins, func(o string) bool { return strings.EqualFold(o, origin) }) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && u.Scheme == "http" && strings.EqualFold(u.Host, host)
}

// tokenRight compares in constant time; hashing hides the length.
func (s *Server) tokenRight(header string) bool {
	scheme, token, _ := strings.Cut(header, " ")
	got, want := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(s.cfg.Token))
	same := subtle.ConstantTimeCompare(got[:], want[:]) == 1
	return same && strings.EqualFold(scheme, "Bearer") && s.cfg.Token != ""
}
