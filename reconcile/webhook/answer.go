package webhook

import (
	"encoding/json"
	"math"
	"net"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// databaseRetry is when a call is worth repeating that found no database.
const databaseRetry = 10 * time.Second

// verdict is what a call is answered.
type verdict struct {
	status  int
	message string
	retry   time.Duration // for Retry-After; 0: none
	ref     string        // that the message speaks of, if any
	commit  string
}

func verdictOf(status int, message string) verdict {
	return verdict{status: status, message: message}
}

func (v verdict) after(wait time.Duration) verdict {
	v.retry = wait
	return v
}

// answer writes a verdict as JSON.
func answer(w http.ResponseWriter, v verdict) {
	header := w.Header()
	header.Set("Content-Type", "application/json")
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	if v.retry > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(v.retry.Seconds()))))
	}
	if v.status == http.StatusMethodNotAllowed {
		header.Set("Allow", http.MethodPost)
	}
	if v.status == http.StatusRequestEntityTooLarge {
		header.Set("Connection", "close") // the rest of the body is not read
	}
	w.WriteHeader(v.status)
	_ = json.NewEncoder(w).Encode(struct {
		Accepted bool   `json:"accepted"`
		Message  string `json:"message"`
	}{v.status == http.StatusAccepted, v.message}) // a caller that has gone needs no answer
}

// peer is the address that a call came from, without its port.
func peer(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return r.RemoteAddr
}

func holds(names []string, name string) bool { return slices.Contains(names, name) }
