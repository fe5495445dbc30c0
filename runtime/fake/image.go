package fake

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"maelstrom/runtime"
)

// Image is what a container of it does, as a script. The zero value is here
// without a pull, listens on httpport at once, answers 200 to everything and
// ends on SIGTERM.
type Image struct {
	// Remote images are not here until pulled. Missing ones are in no
	// registry either. PullError is what the registry says instead.
	Remote    bool
	Missing   bool
	PullDelay time.Duration // progress is told at each tenth of it
	PullError string
	Username  string // that a pull must present, if not empty
	Password  string

	ID        string // empty: made from its name
	Digest    string // at its registry; empty: it is in none
	SizeBytes int64

	StartDelay time.Duration // of the engine
	StartError string        // the engine refuses the container's settings

	Boot         time.Duration // from the start to listening
	NeverListens bool
	Loopback     bool // listens on the container's own loopback only
	Port         int  // where it listens; 0: httpport
	UDPPort      int  // where it takes datagrams; 0: nowhere

	Exposed      []string // by its EXPOSE, as in "8080/tcp"
	Architecture string   // empty: not told

	// Handler serves a container; nil answers Status (0: 200) with Location.
	Handler  func(spec runtime.Spec) http.Handler
	Status   int
	Location string
	Body     string // empty: "ok"

	Exits     bool // by itself, with ExitCode, after ExitAfter
	ExitAfter time.Duration
	ExitCode  int
	MemoryMiB int64 // needed once booted; above limitmemory it is killed for it; below 0: can't be read

	IgnoresTerm bool
	TermDelay   time.Duration // between SIGTERM and the end

	Output      []string // lines written to stdout at the start
	ErrorOutput []string // lines written to stderr after them
	TermOutput  []string // lines written to stdout before it ends on SIGTERM

	Exec func(command []string) runtime.ExecResult

	// Command is what RunCommand and ExecCommand run; nil: nothing, with code 0.
	Command func(ctx context.Context, command []string, t runtime.Terminal) int
}

func (i *Image) handler(spec runtime.Spec) http.Handler {
	if i.Handler != nil {
		return i.Handler(spec)
	}
	return http.HandlerFunc(i.answer)
}

// exitsFirst tells whether it ends before it would listen.
func (i *Image) exitsFirst() bool { return i.Exits && i.ExitAfter <= i.Boot }

func (i *Image) answer(w http.ResponseWriter, _ *http.Request) {
	if i.Location != "" {
		w.Header().Set("Location", i.Location)
	}
	if i.Status != 0 {
		w.WriteHeader(i.Status)
	}
	io.WriteString(w, cmp.Or(i.Body, "ok\n"))
}

// pullError is what a pull of i answers, nil if it succeeds.
func (i *Image) pullError(req runtime.PullRequest) error {
	switch {
	case i == nil || i.Missing:
		return fmt.Errorf("%w: manifest for %s not found", runtime.ErrPull, req.Image)
	case i.PullError != "":
		return fmt.Errorf("%w: %s", runtime.ErrPull, i.PullError)
	case req.Username != i.Username || req.Password != i.Password:
		return fmt.Errorf("%w: unauthorized: authentication required", runtime.ErrPull)
	}
	return nil
}
