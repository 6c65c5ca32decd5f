package api

import (
	"context"
	"io"
	"net/http"
	"net/url"
	"time"
)

// Media types of what is downloaded.
const (
	bundleType  = "application/vnd.caravela.lease"
	csvType     = "text/csv; charset=utf-8"
	archiveType = "application/gzip"
)

// download is an operation that answers with a file. A failure before the
// first byte is an ordinary problem; a later one breaks the answer off.
func download[In any](mediaType string, src source[In], f func(context.Context, Backend, string, In, io.Writer) error) endpoint {
	return endpoint{
		kind: kindDownload, params: src.params, media: mediaType,
		serve: func(s *Server, w http.ResponseWriter, r *http.Request, ref string) error {
			in, err := src.read(w, r)
			if err != nil {
				return err
			}
			return f(r.Context(), s.backend, ref, in, &attachment{w, mediaType, s.cfg.AnswerStall})
		},
	}
}

// attachment is the body of a file. Each write may take as long as an answer.
type attachment struct {
	w         http.ResponseWriter
	mediaType string
	stall     time.Duration
}

// Write implements io.Writer.
func (a *attachment) Write(b []byte) (int, error) {
	a.w.Header().Set("Content-Type", a.mediaType)
	n, err := a.w.Write(b)
	_ = http.NewResponseController(a.w).SetWriteDeadline(time.Now().Add(a.stall)) // not supported by test recorders
	return n, err
}

// download copies a file to w. What breaks off is an error: the answer has
// an end of its own.
func (c *Client) download(ctx context.Context, path string, query url.Values, w io.Writer) error {
	resp, err := c.send(ctx, http.MethodGet, path, query, nil, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	sink := &witness{w: w}
	if _, err := io.Copy(sink, resp.Body); err != nil {
		if sink.err != nil {
			return sink.err
		}
		return c.unreadable(ctx, err)
	}
	return nil
}

// witness remembers that it was the writing which failed.
type witness struct {
	w   io.Writer
	err error
}

// Write implements io.Writer.
func (s *witness) Write(b []byte) (n int, err error) {
	n, s.err = s.w.Write(b)
	return n, s.err
}
