package runtime

import (
	"context"
	"net/http"
	"strings"
	"time"
	"unicode"
)

const (
	examineWithin = time.Second     // each question to the engine
	searchWithin  = 2 * time.Second // for a path to check
)

// healthPaths are those where programs mostly say whether they are well.
var healthPaths = []string{"/healthz", "/health", "/up", "/livez", "/readyz", "/ready", "/ping", "/status", "/api/health", "/actuator/health"}

// evidence is what was found out about an instance that failed.
type evidence struct {
	ready   bool       // it has served before
	where   []Listener // it listens; nil: unknown
	image   ImageDetails
	path    string   // that a health check would succeed at; empty: none is known
	output  []string // its last lines
	secrets mask
}

// examine finds out what helps to explain why the instance does not answer as
// it should.
func (u *unit) examine(ctx context.Context, failed *probeError) *evidence {
	e := &evidence{ready: u.inst.WasReady, secrets: maskOf(u.spec)}
	e.where = u.listeners(ctx)
	e.image = u.imageDetails(ctx)
	limited, cancel := context.WithTimeout(ctx, autopsyWithin)
	defer cancel()
	e.output = u.lastWords(limited, e.secrets)
	if !e.ready && failed.kind == probeStatus && otherPathHelps(failed.status) {
		e.path = u.searchPath(ctx)
	}
	return e
}

// otherPathHelps tells whether the answer may be due to what was asked for.
func otherPathHelps(status int) bool {
	return status/100 == 3 || status == http.StatusUnauthorized || status == http.StatusForbidden ||
		status == http.StatusNotFound || status == http.StatusMethodNotAllowed
}

// searchPath looks for a path that would do for the health check.
func (u *unit) searchPath(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, searchWithin)
	defer cancel()
	for _, path := range healthPaths {
		what := u.probe()
		what.path = path
		if u.agent.prober.once(ctx, what) == nil {
			return path
		}
	}
	return ""
}

// listeners returns where the container listens, nil if that is unknown.
func (u *unit) listeners(ctx context.Context) []Listener {
	source, ok := u.agent.driver.(ListenerSource)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, examineWithin)
	defer cancel()
	where, err := source.Listeners(ctx, u.inst.ContainerID)
	if err != nil {
		return nil
	}
	if where == nil {
		where = []Listener{}
	}
	return where
}

func (u *unit) imageDetails(ctx context.Context) ImageDetails {
	source, ok := u.agent.driver.(ImageInspector)
	if !ok || u.inst.ImageID == "" {
		return ImageDetails{}
	}
	ctx, cancel := context.WithTimeout(ctx, examineWithin)
	defer cancel()
	details, err := source.ImageDetails(ctx, u.inst.ImageID)
	if err != nil {
		u.log.Debug("image not inspected", "image", u.inst.ImageID, "error", err)
		return ImageDetails{}
	}
	return details
}

// clean makes one short line of a text from outside.
func clean(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
	return clip(strings.TrimSpace(text), most)
}
