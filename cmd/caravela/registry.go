package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// dockerHub is the key of Docker Hub in docker's configuration.
const dockerHub = "https://index.docker.io/v1/"

// dockerConfig is the part of docker's config.json that holds logins.
type dockerConfig struct {
	Auths map[string]struct {
		Auth          string `json:"auth"`
		IdentityToken string `json:"identitytoken"`
	} `json:"auths"`
	CredHelpers map[string]string `json:"credHelpers"`
	CredsStore  string            `json:"credsStore"`
}

// login is docker's AuthConfig.
type login struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
	ServerAddress string `json:"serveraddress,omitempty"`
}

// registryAuth finds the user's docker login of the image's registry, in the
// form that the API takes.
func registryAuth(ctx context.Context, image string, getenv func(string) string) (string, error) {
	registry := registryOf(image)
	missing := func(why string) error {
		return advise(fmt.Errorf("--with-registry-auth: no login of %s is known: %s", registry, why), "docker login %s", strings.TrimSuffix(strings.TrimPrefix(registry, "https://"), "/v1/"))
	}
	dir := getenv("DOCKER_CONFIG")
	if dir == "" {
		dir = filepath.Join(getenv("HOME"), ".docker")
	}
	text, err := os.ReadFile(filepath.Join(dir, "config.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return "", missing("docker has no logins here")
	}
	var cfg dockerConfig
	if err == nil {
		err = json.Unmarshal(text, &cfg)
	}
	if err != nil {
		return "", fmt.Errorf("--with-registry-auth: read docker's configuration: %w", err)
	}
	found, err := cfg.login(ctx, registry)
	if err != nil {
		return "", missing(err.Error())
	}
	out, err := json.Marshal(found)
	return base64.URLEncoding.EncodeToString(out), err
}

// registryOf returns the registry's name as docker's configuration writes it.
func registryOf(image string) string {
	first, _, ok := strings.Cut(image, "/")
	if ok && (strings.ContainsAny(first, ".:") || first == "localhost") && first != "docker.io" {
		return first
	}
	return dockerHub
}

func (c dockerConfig) login(ctx context.Context, registry string) (login, error) {
	helper := c.CredHelpers[registry]
	if helper == "" {
		helper = c.CredsStore
	}
	if helper != "" {
		return askHelper(ctx, helper, registry)
	}
	entry, ok := c.Auths[registry]
	if !ok {
		return login{}, errors.New("docker is not logged in there")
	}
	if entry.IdentityToken != "" {
		return login{IdentityToken: entry.IdentityToken, ServerAddress: registry}, nil
	}
	plain, err := base64.StdEncoding.DecodeString(entry.Auth)
	user, password, ok := strings.Cut(string(plain), ":")
	if err != nil || !ok {
		return login{}, errors.New("docker's entry for it cannot be read")
	}
	return login{Username: user, Password: strings.TrimRight(password, "\x00"), ServerAddress: registry}, nil
}

// askHelper asks a docker credential helper.
func askHelper(ctx context.Context, helper, registry string) (login, error) {
	cmd := exec.CommandContext(ctx, "docker-credential-"+helper, "get")
	cmd.Stdin = strings.NewReader(registry)
	out, err := cmd.Output()
	if err != nil {
		return login{}, fmt.Errorf("docker-credential-%s: %w", helper, err)
	}
	var got struct{ Username, Secret string }
	if err := json.Unmarshal(out, &got); err != nil {
		return login{}, fmt.Errorf("docker-credential-%s: %w", helper, err)
	}
	if got.Username == "<token>" {
		return login{IdentityToken: got.Secret, ServerAddress: registry}, nil
	}
	return login{Username: got.Username, Password: got.Secret, ServerAddress: registry}, nil
}
