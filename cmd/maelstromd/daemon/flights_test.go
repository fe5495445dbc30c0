package daemon

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

func TestAnswersTellWhenTheirConnectionIsTheLast(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		ends   func(d *Daemon)
		want   string
	}{
		"the daemon goes on":     {http.StatusOK, func(*Daemon) {}, ""},
		"it leaves meanwhile":    {http.StatusOK, func(d *Daemon) { d.leaving.Store(true) }, "close"},
		"it is replaced":         {http.StatusNotFound, func(d *Daemon) { d.loosening.Store(true) }, "close"},
		"more of the answer yet": {http.StatusEarlyHints, func(d *Daemon) { d.loosening.Store(true) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			d := &Daemon{flights: newFlights()}
			w := httptest.NewRecorder()
			slow := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				c.ends(d)
				w.WriteHeader(c.status)
			})
			d.counted(d.parting(slow)).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if got := w.Header().Get("Connection"); got != c.want {
				t.Errorf("Connection: %q, want %q", got, c.want)
			}
		})
	}
}
