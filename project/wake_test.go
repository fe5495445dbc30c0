package project

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// aRequest is what a wake rule looks at.
type aRequest struct{ method, path, agent, client string }

func (r aRequest) of(w *WakeRules) (bool, int) {
	client, _ := netip.ParseAddr(r.client)
	return w.MayWake(r.method, r.path, r.agent, client)
}

func TestWhatMayWake(t *testing.T) {
	rules := []WakeRule{
		{Paths: []string{"/healthz", "/probe/*"}},
		{Methods: []string{"HEAD", "OPTIONS"}, Answer: 204},
		{Agents: []string{"My Monitor"}, Sources: []string{"10.0.0.0/8", "2001:db8::1"}, Answer: 418},
		{Sources: []string{"192.0.2.7"}, Paths: []string{"/x"}},
		{Monitors: true},
	}
	w := (&Component{Wake: rules}).WakeRules()
	for _, tt := range []struct {
		name   string
		r      aRequest
		answer int // 0: it wakes
	}{
		{"a plain request", aRequest{"GET", "/", "curl/8", "10.0.0.1"}, 0},
		{"an exact path", aRequest{"GET", "/healthz", "", ""}, 200},
		{"below an exact path", aRequest{"GET", "/healthz/x", "", ""}, 0},
		{"another case of a path", aRequest{"GET", "/Healthz", "", ""}, 0},
		{"a prefix", aRequest{"POST", "/probe/a/b", "", ""}, 200},
		{"a prefix itself", aRequest{"GET", "/probe/", "", ""}, 200},
		{"less than a prefix", aRequest{"GET", "/probe", "", ""}, 0},
		{"a method", aRequest{"HEAD", "/", "", ""}, 204},
		{"another case of a method", aRequest{"head", "/", "", ""}, 0},
		{"the first rule of two", aRequest{"HEAD", "/healthz", "", ""}, 200},
		{"an agent without the source", aRequest{"GET", "/", "my monitor/1", "192.0.2.1"}, 0},
		{"a source without the agent", aRequest{"GET", "/", "curl", "10.1.2.3"}, 0},
		{"both", aRequest{"GET", "/", "x (MY monitor/1)", "10.1.2.3"}, 418},
		{"both, mapped into IPv6", aRequest{"GET", "/", "My Monitor", "::ffff:10.1.2.3"}, 418},
		{"both, with a zone", aRequest{"GET", "/", "My Monitor", "2001:db8::1%eth0"}, 418},
		{"an address", aRequest{"GET", "/x", "", "192.0.2.7"}, 200},
		{"the address beside it", aRequest{"GET", "/x", "", "192.0.2.8"}, 0},
		{"no address", aRequest{"GET", "/x", "", ""}, 0},
		{"a monitor", aRequest{"GET", "/", "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)", ""}, 200},
		{"a crawler in small letters", aRequest{"GET", "/", "mozilla/5.0 (compatible; googlebot/2.1)", ""}, 200},
		{"a crawler at the end", aRequest{"GET", "/", "x bingbot", ""}, 200},
		{"the beginning of one", aRequest{"GET", "/", "x bingbo", ""}, 0},
		{"a browser", aRequest{"GET", "/", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", ""}, 0},
		{"another browser", aRequest{"GET", "/", "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36", ""}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ok, answer := tt.r.of(w)
			if ok != (tt.answer == 0) || answer != tt.answer {
				t.Errorf("%+v: %v, %d, want %d", tt.r, ok, answer, tt.answer)
			}
		})
	}
}

func TestWithoutRulesEverythingWakes(t *testing.T) {
	w := (&Component{}).WakeRules()
	if w != nil {
		t.Fatalf("rules without any: %+v", w)
	}
	if ok, answer := w.MayWake("HEAD", "/healthz", "UptimeRobot", netip.Addr{}); !ok || answer != 0 {
		t.Errorf("%v, %d", ok, answer)
	}
}

func TestWhatIsNotValidIsMetByNothing(t *testing.T) {
	for _, r := range []WakeRule{
		{Sources: []string{"host.example.com"}}, {Sources: []string{"10.0.0.0/33", ""}}, {Agents: []string{""}},
	} {
		w := (&Component{Wake: []WakeRule{r}}).WakeRules()
		if ok, _ := w.MayWake("GET", "/", "UptimeRobot", netip.MustParseAddr("10.0.0.1")); !ok {
			t.Errorf("%+v is met", r)
		}
	}
}

func TestMayWakeDoesNotAllocate(t *testing.T) {
	w := (&Component{Wake: []WakeRule{{Paths: []string{"/healthz"}, Monitors: true}, {Agents: []string{"x"}, Sources: []string{"10.0.0.0/8"}}}}).WakeRules()
	client := netip.MustParseAddr("::ffff:192.0.2.1")
	if n := testing.AllocsPerRun(100, func() { w.MayWake(http.MethodGet, "/healthz", "Mozilla/5.0 (compatible)", client) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A rule is met by what meets each part, looked at in the plainest way.
func TestWakeRulesAgreeWithTheirMeaning(t *testing.T) {
	paths := rapid.SampledFrom([]string{"/", "/a", "/a/", "/a/b", "/b"})
	rulePaths := rapid.SampledFrom([]string{"/*", "/a", "/a*", "/a/*", "/b"})
	methods := rapid.SampledFrom([]string{"GET", "HEAD"})
	agents := rapid.SampledFrom([]string{"", "Aa", "aaB", "b aab", "pingdom", "xPingdom.com_bot", "Pingdo"})
	clients := rapid.SampledFrom([]string{"10.0.0.1", "10.1.0.1", "::1"})
	sources := rapid.SampledFrom([]string{"10.0.0.0/16", "10.0.0.1", "::/0"})
	rapid.Check(t, func(t *rapid.T) {
		r := WakeRule{
			Paths: rapid.SliceOfN(rulePaths, 0, 2).Draw(t, "paths"), Methods: rapid.SliceOfN(methods, 0, 1).Draw(t, "methods"),
			Agents:  rapid.SliceOfN(rapid.SampledFrom([]string{"aab", "AA", "b"}), 0, 2).Draw(t, "agents"),
			Sources: rapid.SliceOfN(sources, 0, 2).Draw(t, "sources"), Monitors: rapid.Bool().Draw(t, "monitors"),
		}
		request := aRequest{methods.Draw(t, "method"), paths.Draw(t, "path"), agents.Draw(t, "agent"), clients.Draw(t, "client")}
		ok, _ := request.of((&Component{Wake: []WakeRule{r}}).WakeRules())
		if want := plainlyMet(r, request); ok == want {
			t.Fatalf("%+v by %+v: wakes %v, met %v", r, request, ok, want)
		}
	})
}

func plainlyMet(r WakeRule, request aRequest) bool {
	some := func(list []string, meets func(string) bool) bool {
		for _, entry := range list {
			if meets(entry) {
				return true
			}
		}
		return len(list) == 0
	}
	agent := strings.ToLower(request.agent)
	client := netip.MustParseAddr(request.client)
	return some(r.Paths, func(p string) bool {
		return p == request.path || strings.HasSuffix(p, "*") && strings.HasPrefix(request.path, p[:len(p)-1])
	}) && some(r.Methods, func(m string) bool { return m == request.method }) &&
		some(r.Agents, func(a string) bool { return strings.Contains(agent, strings.ToLower(a)) }) &&
		some(r.Sources, func(s string) bool {
			if addr, err := netip.ParseAddr(s); err == nil {
				return addr == client
			}
			return netip.MustParsePrefix(s).Contains(client)
		}) && (!r.Monitors || strings.Contains(agent, "pingdom"))
}

func BenchmarkMayWake(b *testing.B) {
	w := (&Component{Wake: []WakeRule{{Paths: []string{"/healthz"}}, {Monitors: true}}}).WakeRules()
	const agent = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"
	client := netip.MustParseAddr("192.0.2.1")
	for b.Loop() {
		w.MayWake("GET", "/products/7", agent, client)
	}
}

func TestADiffOfWakeAndAwakeAsksForNoRestart(t *testing.T) {
	const head = "name: shop\ncomponents:\n  web:\n    image: x\n    maxconcurrency: 20\n"
	before := Load(Input{File: "a.yml", Data: []byte(head + "    wake:\n    - monitors: true\n    awake:\n    - {cron: '@daily', for: 1h}\n")})
	after := Load(Input{File: "b.yml", Data: []byte(head + "    wake:\n    - {monitors: true, answer: 200}\n    - paths: [/a]\n    awake:\n    - {cron: '@daily', for: 7200, min: 1}\n")})
	changes := DiffLoaded(before, after)
	if changes.Summary != (Summary{Updated: 1}) || changes.Components.Updated[0].Impact != ImpactNone {
		t.Fatalf("%+v", changes)
	}
	want := []Change{
		{Field: "wake[1]", New: `paths "/a", answer 200`, File: "b.yml", Line: 8, Side: SideNew, Impact: ImpactNone},
		{Field: "awake[0]", Old: "@daily for 1h, at least 1", New: "@daily for 2h, at least 1", File: "b.yml", Line: 10, Side: SideNew, Impact: ImpactNone},
	}
	if diff := cmp.Diff(want, changes.Components.Updated[0].Changes); diff != "" {
		t.Error(diff)
	}
}

func TestValidateComponentKnowsWakeAndAwake(t *testing.T) {
	c := Component{Name: "web", Project: "shop", Image: "x", MaxInstances: 1,
		Wake:  []WakeRule{{Answer: 700, Sources: []string{"x"}}, {}},
		Awake: []AwakeWindow{{Cron: "0 8 * * 7", ForSeconds: -1}, {Cron: "@daily", ForSeconds: 3600, Min: 2}, {}},
	}
	var got []string
	for _, p := range ValidateComponent(&c) {
		got = append(got, p.Rule+" "+p.Path)
	}
	want := []string{
		"MAEL022 wake[0].answer", "MAEL057 wake[0].sources[0]", "MAEL057 wake[1]",
		"MAEL022 awake[0].for", "MAEL044 awake[0].cron", "MAEL010 awake[2].cron", "MAEL010 awake[2].for", "MAEL023 awake[1].min",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
