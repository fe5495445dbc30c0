package docker

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"maelstrom/runtime"
)

// Errors are told inside a stream whose status is 200.
func TestReadPull(t *testing.T) {
	for stream, want := range map[string]string{
		`{"status":"a"}{"status":"b","progressDetail":{"current":1}}`: "",
		`{"status":"a"}{"errorDetail":{},"error":"no space left"}`:    "no space left",
		`{"status":"a"}{"stat`: "unexpected EOF",
		``:                     "",
	} {
		var text string
		steps := 0
		if err := readPull(strings.NewReader(stream), func(int, time.Duration) { steps++ }); err != nil {
			text = err.Error()
		}
		same(t, stream, text, want)
		if want == "" && steps != strings.Count(stream, "status") {
			t.Errorf("%s: %d steps of progress", stream, steps)
		}
	}
}

func TestPullProgress(t *testing.T) {
	type step struct {
		Percent  int
		Patience time.Duration
	}
	cases := []struct {
		message string
		want    *step // nil: no step
	}{
		{`{"status":"Pulling from app","id":"1"}`, &step{0, registrySilence}},
		{`{"status":"Pulling fs layer","id":"a"}`, &step{0, registrySilence}},
		{`{"status":"Pulling fs layer","id":"b"}`, &step{0, registrySilence}},
		{`{"status":"Waiting","id":"a"}`, &step{0, registrySilence}}, // b still loads
		{`{"status":"Waiting","id":"b"}`, &step{0, engineSilence}},
		{`{"status":"Downloading","id":"a","progressDetail":{"current":50,"total":100}}`, &step{20, registrySilence}},
		{`{"status":"Downloading","id":"a","progressDetail":{"current":50,"total":100}}`, nil},
		{`{"status":"Retrying in 4 seconds","id":"a"}`, nil},
		{`{"status":"Retrying in 3 seconds","id":"a"}`, nil},
		{`{"status":"Downloading","id":"b","progressDetail":{"current":0,"total":900}}`, &step{20, registrySilence}}, // never falls
		{`{"status":"Download complete","id":"a"}`, &step{20, registrySilence}},
		{`{"status":"Download complete","id":"b"}`, &step{80, engineSilence}},
		{`{"status":"Extracting","id":"b","progressDetail":{"current":450,"total":900}}`, &step{89, engineSilence}},
		{`{"status":"Pull complete","id":"a"}`, &step{91, engineSilence}},
		{`{"status":"Pull complete","id":"b"}`, &step{99, engineSilence}}, // the end is the stream's
		{`{"status":"Digest: sha256:0"}`, &step{99, engineSilence}},
	}
	var stream strings.Builder
	var want []step
	for _, c := range cases {
		stream.WriteString(c.message)
		if c.want != nil {
			want = append(want, *c.want)
		}
	}
	var got []step
	err := readPull(strings.NewReader(stream.String()), func(percent int, patience time.Duration) {
		got = append(got, step{percent, patience})
	})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "steps", got, want)
}

// A full disk can't be had from the real engine: its words are said by a
// scripted one, which tells most failures inside a stream that began well.
func TestPullOntoAFullDisk(t *testing.T) {
	const words = "failed to register layer: Error processing tar file(exit status 1): write /app: no space left on device"
	for name, answer := range map[string]http.HandlerFunc{
		"in the stream": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, `{"status":"Pulling from app","id":"1"}{"status":"Downloading","id":"a","progressDetail":{"current":1,"total":2}}{"errorDetail":{"message":%q},"error":%[1]q}`, words)
		},
		"at once": refuse(http.StatusInternalServerError, words),
	} {
		t.Run(name, func(t *testing.T) {
			d := scripted(t, "1.41", answer)
			err := d.Pull(t.Context(), runtime.PullRequest{Image: "app:1"})
			if !errors.Is(err, runtime.ErrPull) || !strings.Contains(err.Error(), words) {
				t.Errorf("pull = %v, want ErrPull and the engine's words", err)
			}
		})
	}
}
