package names

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
)

type componentsStub struct{}

func (componentsStub) ServeComponent(w http.ResponseWriter, _ *http.Request, component string) {
	fmt.Fprint(w, "by "+component)
}

func TestDoor(t *testing.T) {
	door := &Door{Snapshots: storedShop(), Components: componentsStub{}, Health: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "healthy")
	})}
	const notFound = "404 page not found\n"
	for _, c := range []struct {
		host, target string
		want         string
		ours         bool
	}{
		{"web.shop.internal", "/a?b", "by shop_web", true},
		{"WEB.shop.internal.:80", "/", "by shop_web", true},
		{"web.shop.internal:8374", "/", "by shop_web", true},
		{"nobody.shop.internal", "/", "by shop_nobody", true}, // who says that there is none
		{"shop.internal", "/", notFound, true},
		{"web.shop.internal", "/_mael/v1", notFound, true},
		{"web.shop.internal", "/_mael_health_check", "healthy", true},
		{"www.example.com", "/", notFound, false},
		{"metadata.google.internal", "/", notFound, false},
		{"172.17.0.1", "/_mael/v1", notFound, false},
		{"172.17.0.1", "/_mael_health_check", "healthy", false},
		{"", "/", notFound, false},
	} {
		r := httptest.NewRequest(http.MethodPost, c.target, nil)
		r.Host = c.host
		w := httptest.NewRecorder()
		door.ServeHTTP(w, r)
		if got := w.Body.String(); got != c.want {
			t.Errorf("%s%s: %q, want %q", c.host, c.target, got, c.want)
		}
		if served := door.Serve(httptest.NewRecorder(), r); served != c.ours {
			t.Errorf("%s%s: served %t", c.host, c.target, served)
		}
	}
}
