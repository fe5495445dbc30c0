package gittest

import "net/http"

// Fault is what an HTTP server does wrong on each request.
type Fault struct {
	Status     int    // answered instead of the real thing
	RetryAfter string // header beside Status
	Location   string // header beside Status

	Hang     bool            // no answer until the client gives up
	Hanging  chan<- struct{} // is told of each request that hangs, if not nil
	CutAfter int64           // bytes of a pack after which the connection breaks
}

// before tells whether the request goes on to the real thing.
func (f *Fault) before(w http.ResponseWriter, r *http.Request, done <-chan struct{}) bool {
	if f.Hang {
		if f.Hanging != nil {
			select {
			case f.Hanging <- struct{}{}:
			case <-done:
			}
		}
		select {
		case <-r.Context().Done():
		case <-done:
		}
		return false
	}
	if f.Status == 0 {
		return true
	}
	if f.RetryAfter != "" {
		w.Header().Set("Retry-After", f.RetryAfter)
	}
	if f.Location != "" {
		w.Header().Set("Location", f.Location)
	}
	http.Error(w, "not now", f.Status)
	return false
}

// cutWriter breaks the connection after so many bytes.
type cutWriter struct {
	http.ResponseWriter
	left int64
}

func (w *cutWriter) Write(p []byte) (int, error) {
	if int64(len(p)) < w.left {
		w.left -= int64(len(p))
		return w.ResponseWriter.Write(p)
	}
	_, _ = w.ResponseWriter.Write(p[:w.left])
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}
