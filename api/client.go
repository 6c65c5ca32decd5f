package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ErrBadAddress is wrapped by New's errors.
var ErrBadAddress = fmt.Errorf("api: malformed address")

// Client speaks to a node. It implements Backend and may be used by several
// goroutines at once. There is no timeout but the one of the ctx.
type Client struct {
	http  *http.Client
	base  url.URL
	token string
	where string // for the user: the address that was given
}

var _ Backend = (*Client)(nil)

// New makes a client of the node at address, unix:///path/api.sock or
// tcp://host:port. The token is needed over TCP; the Unix socket ignores it.
// Nothing is dialled yet.
func New(address, token string) (*Client, error) {
	network, target, err := splitAddress(address)
	if err != nil {
		return nil, err
	}
	c := &Client{base: url.URL{Scheme: "http", Host: target}, token: token, where: address}
	if network == "unix" {
		c.base.Host, c.token = unixHost, ""
	}
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	c.http = &http.Client{
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, network, target)
			},
			MaxIdleConnsPerHost: 8,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// Close ends the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Address returns what New was given.
func (c *Client) Address() string { return c.where }

// unixHost is the Host of requests over the Unix socket.
const unixHost = "caravela"

// splitAddress reads "unix:///path" and "tcp://host:port".
func splitAddress(address string) (network, target string, err error) {
	network, target, ok := strings.Cut(address, "://")
	switch {
	case ok && network == "unix" && strings.HasPrefix(target, "/"):
		return network, target, nil
	case ok && network == "tcp":
		host, port, err := net.SplitHostPort(target)
		if err != nil {
			break
		}
		if n, err := strconv.ParseUint(port, 10, 16); err == nil && host != "" {
			return network, net.JoinHostPort(host, strconv.FormatUint(n, 10)), nil
		}
	}
	return "", "", fmt.Errorf("%w %q: use unix:///path/api.sock or tcp://host:port", ErrBadAddress, address)
}

// Version implements Backend.
func (c *Client) Version(ctx context.Context) (v Version, err error) {
	return v, c.get(ctx, "/version", nil, &v)
}

// Status implements Backend.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.get(ctx, "/status", nil, &s)
}

// Doctor implements Backend.
func (c *Client) Doctor(ctx context.Context) (d Diagnosis, err error) {
	return d, c.get(ctx, "/doctor", nil, &d)
}

// Leave implements Backend.
func (c *Client) Leave(ctx context.Context, req LeaveRequest, emit func(LeaveEvent) error) error {
	return lines(ctx, c, http.MethodPost, "/leave", nil, req, emit)
}

// Nodes implements Backend.
func (c *Client) Nodes(ctx context.Context) (ns []Node, err error) {
	return ns, c.get(ctx, "/nodes", nil, &ns)
}

// Node implements Backend.
func (c *Client) Node(ctx context.Context, ref NodeRef) (n NodeDetail, err error) {
	return n, c.get(ctx, "/nodes/"+url.PathEscape(string(ref)), nil, &n)
}

// Tokens implements Backend.
func (c *Client) Tokens(ctx context.Context) (ts []Token, err error) {
	return ts, c.get(ctx, "/tokens", nil, &ts)
}

// CreateToken implements Backend.
func (c *Client) CreateToken(ctx context.Context, req TokenRequest) (t NewToken, err error) {
	return t, c.post(ctx, "/tokens", req, &t)
}

// RemoveToken implements Backend.
func (c *Client) RemoveToken(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/tokens/"+url.PathEscape(id), nil, nil, nil)
}

// Settings implements Backend.
func (c *Client) Settings(ctx context.Context) (s []Setting, err error) {
	return s, c.get(ctx, "/config", nil, &s)
}

// Setting implements Backend.
func (c *Client) Setting(ctx context.Context, key string) (s Setting, err error) {
	return s, c.get(ctx, "/config/"+url.PathEscape(key), nil, &s)
}

// SetSetting implements Backend.
func (c *Client) SetSetting(ctx context.Context, key, value string) (s Setting, err error) {
	return s, c.do(ctx, http.MethodPut, "/config/"+url.PathEscape(key), nil, SettingRequest{value}, &s)
}

// ExportIdentity implements Backend.
func (c *Client) ExportIdentity(ctx context.Context) (id Identity, err error) {
	return id, c.post(ctx, "/identity/export", nil, &id)
}

// Events implements Backend.
func (c *Client) Events(ctx context.Context, opts EventOptions, emit func(Event) error) error {
	return lines(ctx, c, http.MethodGet, "/events", opts.query(), nil, emit)
}

// Offers implements Backend.
func (c *Client) Offers(ctx context.Context) (os []Offer, err error) {
	return os, c.get(ctx, "/offers", nil, &os)
}

// Offer implements Backend.
func (c *Client) Offer(ctx context.Context, id string) (o Offer, err error) {
	return o, c.get(ctx, "/offers/"+url.PathEscape(id), nil, &o)
}

// Search implements Backend.
func (c *Client) Search(ctx context.Context, req SearchRequest) (r SearchResult, err error) {
	return r, c.post(ctx, "/market/search", req, &r)
}

// Explain implements Backend.
func (c *Client) Explain(ctx context.Context, req SearchRequest) (r SearchResult, err error) {
	return r, c.post(ctx, "/market/explain", req, &r)
}

// Run implements Backend. When ctx ends before the first RunLeased event, or
// the request is Attach, the run ends too; later it goes on without us.
func (c *Client) Run(ctx context.Context, req RunRequest, emit func(RunEvent) error) error {
	return lines(ctx, c, http.MethodPost, "/run", nil, req, emit)
}

// Quote implements Backend.
func (c *Client) Quote(ctx context.Context, req QuoteRequest) (q Quote, err error) {
	return q, c.post(ctx, "/quote", req, &q)
}

// Sale implements Backend.
func (c *Client) Sale(ctx context.Context) (s Sale, err error) {
	return s, c.get(ctx, "/offer", nil, &s)
}

// PauseOffer implements Backend.
func (c *Client) PauseOffer(ctx context.Context, req PauseRequest) (s Sale, err error) {
	return s, c.post(ctx, "/offer/pause", req, &s)
}

// ResumeOffer implements Backend.
func (c *Client) ResumeOffer(ctx context.Context) (s Sale, err error) {
	return s, c.post(ctx, "/offer/resume", nil, &s)
}

// SetPrice implements Backend.
func (c *Client) SetPrice(ctx context.Context, req PriceRequest) (s Sale, err error) {
	return s, c.do(ctx, http.MethodPut, "/offer/price", nil, req, &s)
}

// Containers implements Backend.
func (c *Client) Containers(ctx context.Context, opts ListOptions) (cs []Container, err error) {
	return cs, c.get(ctx, "/containers", opts.query(), &cs)
}

// Container implements Backend.
func (c *Client) Container(ctx context.Context, ref ContainerRef) (d ContainerDetail, err error) {
	return d, c.get(ctx, ref.path(""), nil, &d)
}

// Stop implements Backend.
func (c *Client) Stop(ctx context.Context, ref ContainerRef, req StopRequest) error {
	return c.post(ctx, ref.path("/stop"), req, nil)
}

// Start implements Backend.
func (c *Client) Start(ctx context.Context, ref ContainerRef) error {
	return c.post(ctx, ref.path("/start"), nil, nil)
}

// Restart implements Backend.
func (c *Client) Restart(ctx context.Context, ref ContainerRef, req StopRequest) error {
	return c.post(ctx, ref.path("/restart"), req, nil)
}

// Kill implements Backend.
func (c *Client) Kill(ctx context.Context, ref ContainerRef, req KillRequest) error {
	return c.post(ctx, ref.path("/kill"), req, nil)
}

// Remove implements Backend.
func (c *Client) Remove(ctx context.Context, ref ContainerRef, opts RemoveOptions) error {
	return c.do(ctx, http.MethodDelete, ref.path(""), opts.query(), nil, nil)
}

// Wait implements Backend.
func (c *Client) Wait(ctx context.Context, ref ContainerRef) (e Exit, err error) {
	return e, c.get(ctx, ref.path("/wait"), nil, &e)
}

// Resize implements Backend.
func (c *Client) Resize(ctx context.Context, ref ContainerRef, size Size) error {
	return c.post(ctx, ref.path("/resize"), size, nil)
}

// Stats implements Backend.
func (c *Client) Stats(ctx context.Context, ref ContainerRef, opts StatsOptions, emit func(Stats) error) error {
	return lines(ctx, c, http.MethodGet, ref.path("/stats"), opts.query(), nil, emit)
}

// Logs implements Backend.
func (c *Client) Logs(ctx context.Context, ref ContainerRef, opts LogOptions) (Session, error) {
	return c.read(ctx, ref.path("/logs"), opts.query())
}

// Exec implements Backend.
func (c *Client) Exec(ctx context.Context, ref ContainerRef, req ExecRequest) (Session, error) {
	return c.upgrade(ctx, ref.path("/exec"), req)
}

// Attach implements Backend.
func (c *Client) Attach(ctx context.Context, ref ContainerRef, req AttachRequest) (Session, error) {
	return c.upgrade(ctx, ref.path("/attach"), req)
}

func (r ContainerRef) path(tail string) string {
	return "/containers/" + url.PathEscape(string(r)) + tail
}
