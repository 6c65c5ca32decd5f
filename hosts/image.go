//go:build hosts

package hosts

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/docker/docker/api/types/image"
)

// WebImage is the reference of the demo's web server in each engine.
const WebImage = "caravela/demo-web:latest"

// buildWeb compiles demo/web and packs it as the one file of an image.
func buildWeb(ctx context.Context, dir string) ([]byte, error) {
	binary := filepath.Join(dir, "web")
	if err := do(ctx, "env", "CGO_ENABLED=0", "go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "caravela/demo/web"); err != nil {
		return nil, err
	}
	program, err := os.ReadFile(binary)
	if err != nil {
		return nil, err
	}
	var layer bytes.Buffer
	w := tar.NewWriter(&layer)
	if err := w.WriteHeader(&tar.Header{Name: "web", Mode: 0o755, Size: int64(len(program))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(program); err != nil {
		return nil, err
	}
	return layer.Bytes(), w.Close()
}

// loadImage makes the layer an image of the host's engine.
func (h *Host) loadImage(ctx context.Context, ref string, layer []byte) error {
	engine, err := h.Engine()
	if err != nil {
		return err
	}
	defer engine.Close()
	source := image.ImportSource{Source: bytes.NewReader(layer), SourceName: "-"}
	answer, err := engine.ImageImport(ctx, source, ref, image.ImportOptions{
		Changes: []string{`ENTRYPOINT ["/web"]`, "EXPOSE 8080"},
	})
	if err != nil {
		return fmt.Errorf("load image into %s: %w", h.Name, err)
	}
	defer answer.Close()
	_, err = io.Copy(io.Discard, answer)
	return err
}
