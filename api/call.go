package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// maxAnswer bounds an answer that is not a stream, in bytes.
const maxAnswer = 64 << 20

func (c *Client) get(ctx context.Context, path string, query url.Values, out any) error {
	return c.do(ctx, http.MethodGet, path, query, nil, out)
}

func (c *Client) post(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPost, path, nil, in, out)
}

// do sends one request and decodes one answer into out, if that is not nil.
func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	resp, err := c.send(ctx, method, path, query, in, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(out); err != nil {
		return c.unreadable(ctx, err)
	}
	return nil
}

// lines sends one request and calls emit for each line of the answer.
func lines[T any](ctx context.Context, c *Client, method, path string, query url.Values, in any, emit func(T) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // the node notices that nobody listens
	resp, err := c.send(ctx, method, path, query, in, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	d := json.NewDecoder(resp.Body)
	for {
		var line json.RawMessage
		if err := d.Decode(&line); err == io.EOF {
			return nil
		} else if err != nil {
			return c.unreadable(ctx, err)
		}
		var failed struct{ Error *Error }
		if json.Unmarshal(line, &failed) == nil && failed.Error != nil {
			return failed.Error
		}
		var v T
		if err := json.Unmarshal(line, &v); err != nil {
			return c.unreadable(ctx, err)
		}
		if err := emit(v); err != nil {
			return err
		}
	}
}

// send sends one request and returns the answer if it is a good one; the
// caller closes its body.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any, header http.Header) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	target := c.base.String() + basePath + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	if in != nil {
		req.Header.Set("Content-Type", jsonType)
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.notReached(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.problem(resp)
}

// problem decodes the error that a node (or something else that listens at
// its address) has answered.
func (c *Client) problem(resp *http.Response) error {
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil && strings.HasPrefix(resp.Header.Get("Content-Type"), problemType) {
		return problemOf(b)
	}
	return Errorf(CodeInternal, "%s answers %q, which is not what a caravela node says", c.where, resp.Status).
		WithNext("caravela -H ADDRESS status").complete()
}

// notReached explains why a node was not reached.
func (c *Client) notReached(ctx context.Context, err error) error {
	var dialed *url.Error
	if errors.As(err, &dialed) {
		err = dialed.Err
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, fs.ErrPermission):
		return Errorf(CodeUnauthorized, "not allowed to open %s: you are neither its owner nor in its group", c.where).
			WithNext("sudo caravela status").complete()
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return Errorf(CodeUnreachable, "no node answers at %s: is it running?", c.where).
			WithNext("caravela create    (or: caravela join ADDRESS)").complete()
	}
	return Errorf(CodeUnreachable, "no node answers at %s: %v", c.where, err).WithNext("caravela status").complete()
}

// unreadable explains an answer that broke off or is not JSON.
func (c *Client) unreadable(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return Errorf(CodeUnreachable, "the answer of %s broke off: %v", c.where, err).WithNext("caravela status").complete()
}
