package api

import (
	"context"
	"net/http"
	"net/url"
	"reflect"
	"slices"

	"github.com/gorilla/mux"
)

// route is one operation. The table of routes is the one source of the router
// and of the OpenAPI document.
type route struct {
	method, path string
	id           string // operationId, and the metrics' label: the Backend's method, first letter lower
	endpoint
}

// endpoint is how an operation reads its input and answers.
type endpoint struct {
	kind   kind
	params []param      // query parameters
	in     reflect.Type // of the body; nil = none
	needed bool         // the body must not be empty
	out    reflect.Type // of the answer or of a line of it; nil = none
	local  bool         // through the Unix socket only
	media  string       // of a download
	serve  func(s *Server, w http.ResponseWriter, r *http.Request, ref string) error
}

// kind is the form of an answer.
type kind uint8

const (
	kindAnswer   kind = iota // one JSON value
	kindAction               // 204
	kindLines                // NDJSON
	kindFrames               // output frames
	kindUpgrade              // frames both ways
	kindDownload             // a file that a Backend writes
	kindFile                 // as it is: the document, the metrics
)

// none is the input or output of an operation that has none.
type none struct{}

// routes returns the table. Of two paths that match, the first is taken.
func routes() []route {
	return slices.Concat(nodeRoutes(), ledgerRoutes(), []route{
		{"GET", "/v1/openapi.json", "document", documentEndpoint()},
		{"GET", "/metrics", "metrics", metricsEndpoint()},
	})
}

func nodeRoutes() []route {
	return []route{
		{"GET", "/v1/version", "version", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) (Version, error) {
			return b.Version(ctx)
		})},
		{"GET", "/v1/status", "status", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) (Status, error) {
			return b.Status(ctx)
		})},
		{"GET", "/v1/doctor", "doctor", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) (Diagnosis, error) {
			return b.Doctor(ctx)
		})},
		{"POST", "/v1/leave", "leave", stream(optionalBody[LeaveRequest](), func(ctx context.Context, b Backend, _ string, in LeaveRequest, emit func(LeaveEvent) error) error {
			return b.Leave(ctx, in, emit)
		})},
		{"GET", "/v1/events", "events", stream(query(parseEventOptions), func(ctx context.Context, b Backend, _ string, in EventOptions, emit func(Event) error) error {
			return b.Events(ctx, in, emit)
		})},

		{"GET", "/v1/nodes", "nodes", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) ([]Node, error) {
			return list(b.Nodes(ctx))
		})},
		{"GET", "/v1/nodes/{node}", "node", answer(nothing(), func(ctx context.Context, b Backend, ref string, _ none) (NodeDetail, error) {
			return b.Node(ctx, NodeRef(ref))
		})},

		{"GET", "/v1/tokens", "tokens", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) ([]Token, error) {
			return list(b.Tokens(ctx))
		})},
		{"POST", "/v1/tokens", "createToken", answer(optionalBody[TokenRequest](), func(ctx context.Context, b Backend, _ string, in TokenRequest) (NewToken, error) {
			return b.CreateToken(ctx, in)
		})},
		{"DELETE", "/v1/tokens/{token}", "removeToken", action(nothing(), func(ctx context.Context, b Backend, ref string, _ none) error {
			return b.RemoveToken(ctx, ref)
		})},

		{"GET", "/v1/config", "settings", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) ([]Setting, error) {
			return list(b.Settings(ctx))
		})},
		{"GET", "/v1/config/{key}", "setting", answer(nothing(), func(ctx context.Context, b Backend, ref string, _ none) (Setting, error) {
			return b.Setting(ctx, ref)
		})},
		{"PUT", "/v1/config/{key}", "setSetting", answer(body[SettingRequest](), func(ctx context.Context, b Backend, ref string, in SettingRequest) (Setting, error) {
			return b.SetSetting(ctx, ref, in.Value)
		})},
		{"POST", "/v1/identity/export", "exportIdentity", onlyLocal(answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) (Identity, error) {
			return b.ExportIdentity(ctx)
		}))},

		{"GET", "/v1/offers", "offers", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) ([]Offer, error) {
			return list(b.Offers(ctx))
		})},
		{"GET", "/v1/offers/{offer}", "offer", answer(nothing(), func(ctx context.Context, b Backend, ref string, _ none) (Offer, error) {
			return b.Offer(ctx, ref)
		})},
		{"POST", "/v1/market/search", "search", answer(body[SearchRequest](), func(ctx context.Context, b Backend, _ string, in SearchRequest) (SearchResult, error) {
			return b.Search(ctx, in)
		})},
		{"POST", "/v1/market/explain", "explain", answer(body[SearchRequest](), func(ctx context.Context, b Backend, _ string, in SearchRequest) (SearchResult, error) {
			return b.Explain(ctx, in)
		})},

		{"POST", "/v1/quote", "quote", answer(body[QuoteRequest](), func(ctx context.Context, b Backend, _ string, in QuoteRequest) (Quote, error) {
			return b.Quote(ctx, in)
		})},
		{"GET", "/v1/offer", "sale", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) (Sale, error) {
			return b.Sale(ctx)
		})},
		{"POST", "/v1/offer/pause", "pauseOffer", answer(optionalBody[PauseRequest](), func(ctx context.Context, b Backend, _ string, in PauseRequest) (Sale, error) {
			return b.PauseOffer(ctx, in)
		})},
		{"POST", "/v1/offer/resume", "resumeOffer", answer(nothing(), func(ctx context.Context, b Backend, _ string, _ none) (Sale, error) {
			return b.ResumeOffer(ctx)
		})},
		{"PUT", "/v1/offer/price", "setPrice", answer(body[PriceRequest](), func(ctx context.Context, b Backend, _ string, in PriceRequest) (Sale, error) {
			return b.SetPrice(ctx, in)
		})},

		{"POST", "/v1/run", "run", runEndpoint()},
		{"GET", "/v1/containers", "containers", answer(query(parseListOptions), func(ctx context.Context, b Backend, _ string, in ListOptions) ([]Container, error) {
			return list(b.Containers(ctx, in))
		})},
		{"GET", "/v1/containers/{container}", "container", answer(nothing(), func(ctx context.Context, b Backend, ref string, _ none) (ContainerDetail, error) {
			return b.Container(ctx, ContainerRef(ref))
		})},
		{"DELETE", "/v1/containers/{container}", "remove", action(query(parseRemoveOptions), func(ctx context.Context, b Backend, ref string, in RemoveOptions) error {
			return b.Remove(ctx, ContainerRef(ref), in)
		})},
		{"POST", "/v1/containers/{container}/stop", "stop", action(optionalBody[StopRequest](), func(ctx context.Context, b Backend, ref string, in StopRequest) error {
			return b.Stop(ctx, ContainerRef(ref), in)
		})},
		{"POST", "/v1/containers/{container}/start", "start", action(nothing(), func(ctx context.Context, b Backend, ref string, _ none) error {
			return b.Start(ctx, ContainerRef(ref))
		})},
		{"POST", "/v1/containers/{container}/restart", "restart", action(optionalBody[StopRequest](), func(ctx context.Context, b Backend, ref string, in StopRequest) error {
			return b.Restart(ctx, ContainerRef(ref), in)
		})},
		{"POST", "/v1/containers/{container}/kill", "kill", action(optionalBody[KillRequest](), func(ctx context.Context, b Backend, ref string, in KillRequest) error {
			return b.Kill(ctx, ContainerRef(ref), in)
		})},
		{"GET", "/v1/containers/{container}/wait", "wait", answer(nothing(), func(ctx context.Context, b Backend, ref string, _ none) (Exit, error) {
			return b.Wait(ctx, ContainerRef(ref))
		})},
		{"POST", "/v1/containers/{container}/resize", "resize", action(body[Size](), func(ctx context.Context, b Backend, ref string, in Size) error {
			return b.Resize(ctx, ContainerRef(ref), in)
		})},
		{"GET", "/v1/containers/{container}/stats", "stats", stream(query(parseStatsOptions), func(ctx context.Context, b Backend, ref string, in StatsOptions, emit func(Stats) error) error {
			return b.Stats(ctx, ContainerRef(ref), in, emit)
		})},
		{"GET", "/v1/containers/{container}/logs", "logs", output(query(parseLogOptions), func(ctx context.Context, b Backend, ref string, in LogOptions) (Session, error) {
			return b.Logs(ctx, ContainerRef(ref), in)
		})},
		{"POST", "/v1/containers/{container}/exec", "exec", interactive(body[ExecRequest](), func(ctx context.Context, b Backend, ref string, in ExecRequest) (Session, error) {
			return b.Exec(ctx, ContainerRef(ref), in)
		})},
		{"POST", "/v1/containers/{container}/attach", "attach", interactive(optionalBody[AttachRequest](), func(ctx context.Context, b Backend, ref string, in AttachRequest) (Session, error) {
			return b.Attach(ctx, ContainerRef(ref), in)
		})},
	}
}

// list keeps an empty list from becoming null.
func list[T any](items []T, err error) ([]T, error) {
	if items == nil {
		items = []T{}
	}
	return items, err
}

// router puts the table on a mux. Each path also gets a route without method
// that says which ones exist.
func (s *Server) router() *mux.Router {
	m := mux.NewRouter().UseEncodedPath().SkipClean(true)
	table := routes()
	for _, rt := range table {
		m.Handle(rt.path, s.handle(rt)).Methods(rt.method).Name(rt.id)
	}
	for path, methods := range methodsByPath(table) {
		m.Handle(path, s.wrap("method", func(w http.ResponseWriter, r *http.Request) error {
			w.Header()["Allow"] = methods
			return Errorf(CodeMethod, "%s does not know the method %s", r.URL.Path, clip(r.Method)).WithNext("use %v", methods)
		}))
	}
	m.NotFoundHandler = s.wrap("none", func(_ http.ResponseWriter, r *http.Request) error {
		return Errorf(CodeNotFound, "nothing is served at %s", clip(r.URL.Path)).WithNext("GET /v1/openapi.json lists what is")
	})
	return m
}

func methodsByPath(table []route) map[string][]string {
	methods := map[string][]string{}
	for _, rt := range table {
		methods[rt.path] = append(methods[rt.path], rt.method)
	}
	for _, ms := range methods {
		slices.Sort(ms)
	}
	return methods
}

// handle makes the handler of one route.
func (s *Server) handle(rt route) http.Handler {
	return s.wrap(rt.id, func(w http.ResponseWriter, r *http.Request) error {
		if rt.local && !doorOf(r).local {
			return Errorf(CodeUnauthorized, "a node gives this away through its Unix socket only").
				WithNext("run the command on the node's own machine, without -H")
		}
		ref, err := reference(r)
		if err != nil {
			return err
		}
		return rt.serve(s, w, r, ref)
	})
}

// reference returns the one variable of a path.
func reference(r *http.Request) (string, error) {
	for _, v := range mux.Vars(r) {
		ref, err := url.PathUnescape(v)
		if err != nil || len(ref) > 256 {
			return "", Errorf(CodeInvalid, "the name %q is malformed", clip(v))
		}
		return ref, nil
	}
	return "", nil
}
