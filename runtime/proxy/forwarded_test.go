package proxy

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"time"
)

// Of what nodes say to each other nothing is left, and of the rest all.
func TestRestore(t *testing.T) {
	in := httptest.NewRequest(http.MethodPost, "/", nil)
	for name, value := range map[string]string{
		"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop", "Maelstrom-Component": "shop_web",
		"Expect": "100-continue", FieldForward: "shop_web p", FieldDeadlineMs: "7", "Maelstrom-Deadline-Nano": "1",
	} {
		in.Header.Set(name, value)
	}
	for name, c := range map[string]struct {
		expected string
		deadline time.Time
		want     map[string]string
	}{
		"nothing expected": {"", time.Time{}, map[string]string{}},
		"by a deadline":    {"", time.Unix(0, 99), map[string]string{"Maelstrom-Deadline-Nano": "99"}},
		"expected":         {"100-continue", time.Time{}, map[string]string{"Expect": "100-continue"}},
	} {
		t.Run(name, func(t *testing.T) {
			in := in.Clone(t.Context())
			if c.expected != "" {
				in.Header.Set(FieldExpect, c.expected)
			}
			out := in.Header.Clone()
			for _, name := range []string{"X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"} {
				out.Del(name) // as the reverse proxy does
			}
			restore(out, in, &Upstream{Deadline: c.deadline})
			got := map[string]string{}
			for name := range out {
				got[name] = out.Get(name)
			}
			want := map[string]string{"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "shop", "Maelstrom-Component": "shop_web"}
			maps.Copy(want, c.want)
			if !maps.Equal(got, want) {
				t.Errorf("the upstream gets %v, want %v", got, want)
			}
		})
	}
}

func TestOrigin(t *testing.T) {
	trusted := Trust{netip.MustParsePrefix("10.0.0.0/8")}
	for chain, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "192.0.2.1, 10.1.1.1": "192.0.2.1", "1.2.3.4, 192.0.2.1, 10.1.1.1": "192.0.2.1", "10.1.1.1": "10.1.1.1", "nonsense": "invalid IP", "": "invalid IP",
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header.Set("X-Forwarded-For", chain)
		if got := trusted.Origin(r).String(); got != want {
			t.Errorf("%q comes from %s, want %s", chain, got, want)
		}
	}
}
