package images

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"maelstrom/project"
	"maelstrom/runtime"
)

// dockerHub is what the Docker client calls its default registry.
const (
	dockerHub      = "docker.io"
	dockerHubIndex = "https://index.docker.io/v1/"
)

// helperWithin bounds a credential helper.
const helperWithin = 10 * time.Second

// clientConfig is the part of config.json that is about registries.
type clientConfig struct {
	Auths       map[string]authEntry `json:"auths"`
	CredsStore  string               `json:"credsStore"`
	CredHelpers map[string]string    `json:"credHelpers"`
}

type authEntry struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
}

// request says how to get a component's image: with its own credentials, else
// with those of the Docker client of the user that this daemon runs as. origin
// tells people where they come from.
func (d *Depot) request(ctx context.Context, c *project.Component) (req runtime.PullRequest, origin string, err error) {
	req = runtime.PullRequest{Image: c.Image, Username: c.PullUsername, Password: c.PullPassword}
	if c.PullUsername != "" || c.PullPassword != "" {
		return req, "`pullusername` and `pullpassword`", nil
	}
	path := filepath.Join(d.configDir(), "config.json")
	config, err := readConfig(path)
	if err != nil {
		return req, "", fmt.Errorf("%w: credentials: %w", runtime.ErrPull, err)
	}
	registry := registryOf(c.Image)
	if helper := config.helper(registry); helper != "" {
		found, err := askHelper(ctx, helper, keyFor(registry))
		if err != nil {
			return req, "", fmt.Errorf("%w: credentials: helper docker-credential-%s: %w", runtime.ErrPull, helper, err)
		}
		if found != (authEntry{}) {
			req.Username, req.Password, req.Token = found.Username, found.Password, found.IdentityToken
			return req, fmt.Sprintf("helper docker-credential-%s for %s", helper, registry), nil
		}
	}
	found, ok, err := config.entry(registry)
	if err != nil {
		return req, "", fmt.Errorf("%w: credentials: %s: %w", runtime.ErrPull, path, err)
	}
	if !ok {
		return req, fmt.Sprintf("none, neither `pullusername` nor one for %s in %s", registry, path), nil
	}
	req.Username, req.Password, req.Token = found.Username, found.Password, found.IdentityToken
	return req, fmt.Sprintf("%s in %s", registry, path), nil
}

// configDir is where the Docker client of this user keeps its configuration.
func (d *Depot) configDir() string {
	if d.opt.ConfigDir != "" {
		return d.opt.ConfigDir
	}
	if dir := os.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil { // services often have no HOME
		if me, err := user.Current(); err == nil {
			home = me.HomeDir
		}
	}
	return filepath.Join(home, ".docker")
}

// readConfig reads the file anew each time: a login counts at once. One that
// is not there holds nothing.
func readConfig(path string) (clientConfig, error) {
	var config clientConfig
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return config, nil
	}
	if err != nil {
		return config, err
	}
	if json.Unmarshal(data, &config) != nil {
		return config, fmt.Errorf("%s is not valid JSON", path) // the error itself could quote a password
	}
	return config, nil
}

// helper is the program that keeps the credentials of a registry.
func (c *clientConfig) helper(registry string) string {
	for host, helper := range c.CredHelpers {
		if hostOf(host) == registry && helper != "" {
			return helper
		}
	}
	return c.CredsStore
}

// entry is what the file itself holds for a registry.
func (c *clientConfig) entry(registry string) (authEntry, bool, error) {
	for host, e := range c.Auths {
		if hostOf(host) != registry || e == (authEntry{}) {
			continue
		}
		if e.Auth != "" {
			text, err := base64.StdEncoding.DecodeString(e.Auth)
			name, password, ok := strings.Cut(strings.TrimRight(string(text), "\x00"), ":")
			if err != nil || !ok {
				return authEntry{}, false, fmt.Errorf("auth of %s is not base64 of user:password", registry)
			}
			e.Username, e.Password = name, password
		}
		e.Auth = ""
		return e, true, nil
	}
	return authEntry{}, false, nil
}

// hostOf is the registry that a key of config.json is about: a host, or a URL
// of the first version of the protocol.
func hostOf(key string) string {
	host := strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, _, _ = strings.Cut(host, "/")
	if host == "index.docker.io" || host == "registry-1.docker.io" {
		return dockerHub
	}
	return host
}

// keyFor is what helpers are asked for.
func keyFor(registry string) string {
	if registry == dockerHub {
		return dockerHubIndex
	}
	return registry
}

// askHelper asks a credential helper. An empty answer: it has none.
func askHelper(ctx context.Context, helper, key string) (authEntry, error) {
	if strings.ContainsAny(helper, "/\\") {
		return authEntry{}, errors.New("its name has a slash")
	}
	ctx, cancel := context.WithTimeout(ctx, helperWithin)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "docker-credential-"+helper, "get")
	cmd.Stdin = strings.NewReader(key)
	cmd.Stdout = &limitedBuffer{to: &out}
	cmd.Env = environment()
	endTogether(cmd)
	err := cmd.Run()
	switch {
	case ctx.Err() != nil:
		return authEntry{}, fmt.Errorf("no answer within %s", helperWithin)
	case err != nil && strings.Contains(out.String(), "credentials not found"):
		return authEntry{}, nil
	case errors.Is(err, exec.ErrNotFound):
		return authEntry{}, errors.New("it is not on the PATH of the daemon")
	case err != nil:
		return authEntry{}, err // its output may be a secret
	}
	var answer struct{ Username, Secret string }
	if json.Unmarshal(out.Bytes(), &answer) != nil {
		return authEntry{}, errors.New("its answer is not valid JSON")
	}
	if answer.Username == "<token>" {
		return authEntry{IdentityToken: answer.Secret}, nil
	}
	return authEntry{Username: answer.Username, Password: answer.Secret}, nil
}
