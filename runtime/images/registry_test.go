package images

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"maelstrom/project"
	"maelstrom/runtime"
	"maelstrom/runtime/images/registrytest"
)

func withLogin(image string) project.Component {
	return project.Component{Name: "shop_web", Image: image, PullUsername: registrytest.User, PullPassword: registrytest.Password}
}

func TestCredentials(t *testing.T) {
	registry := registrytest.New(t)
	host := registry.Host
	name := host + "/shop/web:1"
	registry.Push(t, "shop/web:1", registrytest.Image{Note: "one"})
	basic := base64.StdEncoding.EncodeToString([]byte(registrytest.User + ":" + registrytest.Password))
	wrong := base64.StdEncoding.EncodeToString([]byte(registrytest.User + ":" + "guess"))
	helpers := t.TempDir()
	writeHelper(t, helpers, "keys", `read host; [ "$host" = "`+host+`" ] || { echo "credentials not found in native keychain"; exit 1; }
echo '{"ServerURL":"x","Username":"`+registrytest.User+`","Secret":"`+registrytest.Password+`"}'`)
	writeHelper(t, helpers, "empty", `echo "credentials not found in native keychain"; exit 1`)
	writeHelper(t, helpers, "broken", `echo "`+registrytest.Password+`"; exit 3`)
	writeHelper(t, helpers, "noise", `echo "`+registrytest.Password+`"`)
	t.Setenv("PATH", helpers+":"+os.Getenv("PATH"))
	type object = map[string]any
	cases := []struct {
		name   string
		user   string // of the component; with it the right password
		config any
		words  []string // of the error; none: it is pulled
	}{
		{"of the component", registrytest.User, nil, nil},
		{"of the component before config.json", registrytest.User, object{"auths": object{host: object{"auth": wrong}}}, nil},
		{"wrong ones of the component", "nobody", object{"auths": object{host: object{"auth": basic}}}, []string{"unauthorized", "`pullusername`"}},
		{"none", "", nil, []string{"no basic auth credentials", "none", "config.json"}},
		{"config.json", "", object{"auths": object{host: object{"auth": basic}}}, nil},
		{"config.json, by URL", "", object{"auths": object{"https://" + host + "/v1/": object{"auth": basic}}}, nil},
		{"config.json, in clear", "", object{"auths": object{host: object{"username": registrytest.User, "password": registrytest.Password}}}, nil},
		{"config.json, wrong", "", object{"auths": object{host: object{"auth": wrong}}}, []string{"unauthorized", "config.json"}},
		{"config.json, not base64", "", object{"auths": object{host: object{"auth": "?"}}}, []string{"base64", "config.json"}},
		{"config.json, of another registry", "", object{"auths": object{"registry.example": object{"auth": basic}}}, []string{"no basic auth"}},
		{"config.json, not JSON", "", registrytest.Password, []string{"not valid JSON", "config.json"}},
		{"helper", "", object{"credHelpers": object{host: "keys"}}, nil},
		{"helper of all", "", object{"credsStore": "keys"}, nil},
		{"helper before the file", "", object{"credsStore": "keys", "auths": object{host: object{"auth": wrong}}}, nil},
		{"helper knows nothing, the file does", "", object{"credsStore": "empty", "auths": object{host: object{"auth": basic}}}, nil},
		{"no such helper", "", object{"credsStore": "nowhere"}, []string{"docker-credential-nowhere", "PATH"}},
		{"helper fails", "", object{"credsStore": "broken"}, []string{"docker-credential-broken", "exit status 3"}},
		{"helper talks", "", object{"credsStore": "noise"}, []string{"docker-credential-noise", "not valid JSON"}},
		{"helper with a path", "", object{"credsStore": "../keys"}, []string{"slash"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			writeConfig(t, dir, c.config)
			d, _ := realDepot(t, Options{ConfigDir: dir}, host)
			comp := project.Component{Name: "shop_web", Image: name, PullUsername: c.user}
			if c.user != "" {
				comp.PullPassword = registrytest.Password
			}
			err := d.Pull(t.Context(), order(comp))
			if len(c.words) == 0 {
				if err != nil || !d.here(t, name) {
					t.Fatalf("pull = %v", err)
				}
				return
			}
			if !errors.Is(err, runtime.ErrPull) {
				t.Fatalf("pull = %v, want ErrPull", err)
			}
			for _, word := range c.words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			if strings.Contains(err.Error(), registrytest.Password) || strings.Contains(err.Error(), "guess") {
				t.Errorf("%q shows a password", err)
			}
		})
	}
}

func writeHelper(t *testing.T, dir, name, script string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, "docker-credential-"+name), []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

// writeConfig writes a config.json; a text is written as it is.
func writeConfig(t *testing.T, dir string, config any) {
	t.Helper()
	if config == nil {
		return
	}
	data, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	if text, ok := config.(string); ok {
		data = []byte(text)
	}
	if err := os.WriteFile(filepath.Join(dir, "config.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestRegistriesThatFail(t *testing.T) {
	registry := registrytest.New(t)
	registry.Push(t, "shop/web:1", registrytest.Image{Note: "one"})
	registry.Push(t, "shop/big:1", registrytest.Image{Note: "big", Bytes: 3 << 20})
	silent, midway := registrytest.NewWay(t, registry), registrytest.NewWay(t, registry)
	silent.StallAfter(0)
	midway.StallAfter(1 << 20)
	down := registrytest.New(t)
	down.Stop()
	for name, words := range map[string][]string{
		registry.Host + "/shop/web:2":                                 {"manifest unknown"},
		registry.Host + "/nothing:1":                                  {"not found"},
		down.Host + "/shop/web:1":                                     {"connection refused"},
		silent.Host + "/shop/web:1":                                   {"nothing came from the registry for 2s"},
		midway.Host + "/shop/big:1":                                   {"nothing came from the registry for 2s"},
		"nowhere.invalid/shop/web:1":                                  {"nowhere.invalid"},
		registry.Host + "/shop/web@sha256:" + strings.Repeat("0", 64): {"not found"},
	} {
		t.Run(strings.ReplaceAll(name, "/", "_"), func(t *testing.T) {
			d, _ := realDepot(t, Options{}, registry.Host, silent.Host, midway.Host)
			err := d.Pull(t.Context(), order(withLogin(name)))
			if !errors.Is(err, runtime.ErrPull) {
				t.Fatalf("pull = %v, want ErrPull", err)
			}
			for _, word := range words {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q does not say %q", err, word)
				}
			}
			if len(d.record.images()) != 0 {
				t.Errorf("recorded %v", d.record.images())
			}
		})
	}
}

func TestProgressIsTold(t *testing.T) {
	registry := registrytest.New(t)
	name := registry.Host + "/big:1"
	registry.Push(t, "big:1", registrytest.Image{Note: "progress", Bytes: 32 << 20})
	d, _ := realDepot(t, Options{}, registry.Host)
	var percents []int
	ordered := order(withLogin(name))
	ordered.Progress = func(percent int) { percents = append(percents, percent) }
	if err := d.Pull(t.Context(), ordered); err != nil {
		t.Fatal(err)
	}
	if len(percents) < 2 || percents[0] != 0 {
		t.Fatalf("percents %v", percents)
	}
	for i, p := range percents[1:] {
		if p <= percents[i] || p > 99 {
			t.Errorf("percents %v", percents)
		}
	}
}

func TestTenComponentsShareAPullAndNobodyWaitsForAHangingOne(t *testing.T) {
	registry := registrytest.New(t)
	way := registrytest.NewWay(t, registry)
	registry.Push(t, "web:1", registrytest.Image{Note: "shared", Bytes: 8 << 20})
	d, engine := realDepot(t, Options{}, registry.Host)
	way.StallAfter(0)
	hanging := make(chan error, 1)
	begun := make(chan struct{})
	var once sync.Once
	go func() {
		ordered := order(withLogin(way.Host + "/web:1"))
		ordered.Progress = func(int) { once.Do(func() { close(begun) }) }
		hanging <- d.Pull(t.Context(), ordered)
	}()
	<-begun
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			if err := d.Pull(t.Context(), order(withLogin(registry.Host+"/web:1"))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	select {
	case err := <-hanging:
		t.Errorf("the hanging pull ended first: %v", err)
	default:
	}
	if err := <-hanging; !errors.Is(err, runtime.ErrPull) {
		t.Errorf("hanging pull: %v", err)
	}
	if n := engine.count(); n != 2 {
		t.Errorf("%d pulls, want the shared one and the hanging one", n)
	}
}

// A name that stands for another image is noticed, whoever moved it.
func TestRetag(t *testing.T) {
	registry := registrytest.New(t)
	name := registry.Host + "/web:1"
	first := registry.Push(t, "web:1", registrytest.Image{Note: "first"})
	d, _ := realDepot(t, Options{}, registry.Host)
	pull := func() string {
		t.Helper()
		if err := d.Pull(t.Context(), order(withLogin(name))); err != nil {
			t.Fatal(err)
		}
		found, err := d.deps.Engine.Image(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		return found.ID
	}
	running := pull()
	await := d.followNames(t, name, running)
	await("the digest", runtime.ImageIdentity{Digest: first})
	registry.Push(t, "web:1", registrytest.Image{Note: "second"})
	newer := pull()
	await("the newer image", runtime.ImageIdentity{Digest: first, Now: newer})
	runDocker(t, "tag", running, name)
	await("the first again", runtime.ImageIdentity{Digest: first})
	if !d.record.knows(running) || !d.record.knows(newer) {
		t.Errorf("record %v", d.record.images())
	}
}

// followNames runs the part that follows names, and returns a function that
// waits until an image is known to be something.
func (d *Depot) followNames(t *testing.T, name, id string) func(string, runtime.ImageIdentity) {
	changed := d.Changed(t.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = d.names.follow(t.Context()) })
	t.Cleanup(running.Wait)
	return func(what string, want runtime.ImageIdentity) {
		t.Helper()
		limit := time.After(30 * time.Second)
		for d.Identify(name, id) != want {
			select {
			case <-changed:
			case <-limit:
				t.Fatalf("%s: %+v, want %+v", what, d.Identify(name, id), want)
			}
		}
	}
}
