VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
GOLANGCI := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.5.0
FUZZTIME ?= 30s

.PHONY: build test check race fuzz sim bench lint demo hosts clean

build: ; CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/caravela ./cmd/caravela
test:  ; go test ./...
check: ; scripts/test
race:  ; go test -race ./...
fuzz:  ; go run ./scripts/suite -only fuzz -fuzztime $(FUZZTIME)
sim:   ; go run ./cmd/caravela sim run scenarios/small.toml
bench: ; go test -run '^$$' -bench . -benchmem ./...
lint:  ; go run $(GOLANGCI) run ./...
demo:  ; scripts/demo
hosts: ; scripts/test -only hosts
clean: ; rm -rf bin dist
