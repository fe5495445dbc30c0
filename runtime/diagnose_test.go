package runtime

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"maelstrom/cluster"
	"maelstrom/project"
)

func listening(text string) []Listener {
	where := []Listener{}
	for _, address := range strings.Fields(text) {
		address, udp := strings.CutSuffix(address, "/udp")
		where = append(where, Listener{Address: netip.MustParseAddrPort(address), UDP: udp})
	}
	return where
}

func shopWeb(change func(*project.Component)) settings {
	c := project.Component{Name: "shop_web", Project: "shop", Image: "app"}
	if change != nil {
		change(&c)
	}
	effective := c.Effective()
	return &effective
}

const inWeb = "in maelstrom.yml, components.web"

func TestWhatAProbeGotIsExplained(t *testing.T) {
	refused := &probeError{kind: probeRefused, err: errors.New("connection refused")}
	status := func(code int, location, body string) *probeError {
		return &probeError{kind: probeStatus, status: code, location: location, body: []byte(body)}
	}
	for _, c := range []struct {
		name   string
		failed *probeError
		e      evidence
		reason cluster.Reason
		words  []string
		end    string // of the message
	}{
		{"unknown where", refused, evidence{}, cluster.ReasonNeverListened,
			[]string{"port 8080 (`httpport`)", "0.0.0.0"}, inWeb + ": write `httpstarthealthcheckseconds: 120`"},
		{"unknown where, another exposed", refused, evidence{image: ImageDetails{Exposed: []string{"53/udp", "3000/tcp"}}}, cluster.ReasonNeverListened,
			[]string{"the image exposes 53/udp, 3000/tcp"}, inWeb + ": write `httpport: 3000`"},
		{"nowhere", refused, evidence{where: listening("")}, cluster.ReasonNeverListened,
			[]string{"no port at all after 1m0s"}, inWeb + ": write `httpstarthealthcheckseconds: 120`"},
		{"UDP only", refused, evidence{where: listening("0.0.0.0:53/udp")}, cluster.ReasonNeverListened,
			[]string{"UDP only", "0.0.0.0:53/udp"}, inWeb + ": write `httpstarthealthcheckseconds: 120`"},
		{"loopback", refused, evidence{where: listening("127.0.0.1:8080")}, cluster.ReasonNeverListened,
			[]string{"127.0.0.1:8080, its own loopback", "0.0.0.0"}, inWeb + ".environment: write `- HOST=0.0.0.0`"},
		{"late", refused, evidence{where: listening("127.0.0.1:8080 [::]:8080")}, cluster.ReasonNeverListened,
			[]string{"by now"}, inWeb + ": write `httpstarthealthcheckseconds: 120`"},
		{"other port", refused, evidence{where: listening("0.0.0.0:3000")}, cluster.ReasonNeverListened,
			[]string{"listens on 0.0.0.0:3000, not on port 8080"}, inWeb + ": write `httpport: 3000`"},
		{"other ports, one exposed", refused, evidence{where: listening("0.0.0.0:1234 [::]:9090"), image: ImageDetails{Exposed: []string{"9090/tcp"}}}, cluster.ReasonNeverListened,
			[]string{"0.0.0.0:1234, [::]:9090", "the image exposes 9090/tcp"}, inWeb + ": write `httpport: 9090`"},
		{"other port on loopback", refused, evidence{where: listening("127.0.0.1:3000")}, cluster.ReasonNeverListened,
			[]string{"loopback", "0.0.0.0"}, inWeb + ": write `httpport: 3000`"},
		{"a proxy of the engine answers for it", &probeError{kind: probeSilent, err: errors.New("EOF")}, evidence{where: listening("0.0.0.0:3000")},
			cluster.ReasonNeverListened, nil, inWeb + ": write `httpport: 3000`"},
		{"401", status(401, "", "token\nmissing\x00"), evidence{where: listening("[::]:8080")}, cluster.ReasonUnhealthy,
			[]string{"answered 401", "no credentials", `the answer says "token missing"`, "listens on [::]:8080"}, "`httpstarthealthcheckseconds: -1`"},
		{"401, another path does", status(401, "", ""), evidence{path: "/healthz"}, cluster.ReasonUnhealthy,
			[]string{"/healthz answers 200"}, inWeb + ": write `httphealthcheckpath: /healthz`"},
		{"to https", status(301, "https://shop.example/", ""), evidence{}, cluster.ReasonUnhealthy,
			[]string{"a redirect to https://shop.example/", "plain http"}, ""},
		{"to elsewhere", status(302, "http://login.example/", ""), evidence{}, cluster.ReasonUnhealthy, []string{"another host"}, ""},
		{"an https port", status(400, "", "Client sent an HTTP request to an HTTPS server."), evidence{}, cluster.ReasonUnhealthy,
			[]string{"seems to speak https", "`httpport`"}, ""},
		{"404", status(404, "", ""), evidence{}, cluster.ReasonUnhealthy, []string{"no such path"}, ""},
		{"500 of one that was ready", status(500, "", strings.Repeat("x", 1000)), evidence{ready: true}, cluster.ReasonUnhealthy,
			[]string{"only 200", strings.Repeat("x", 200) + "..."}, inWeb + ": write `httphealthcheckpath: /A/PATH/THAT/ANSWERS/200`"},
		{"500 for want of a variable", status(500, "", ""), evidence{output: []string{"SMTP_URL is not set"}}, cluster.ReasonUnhealthy,
			[]string{"only 200", "SMTP_URL"}, inWeb + ".environment: write `- SMTP_URL=VALUE`"},
		{"hangs", &probeError{kind: probeSilent, err: context.DeadlineExceeded}, evidence{}, cluster.ReasonUnhealthy,
			[]string{"no HTTP answer within 15s"}, inWeb + ": write `httphealthcheckpath: /A/FAST/PATH`"},
		{"speaks another protocol", &probeError{kind: probeSilent, err: errors.New(`malformed HTTP response "\x00"`)}, evidence{where: listening("[::]:8080")}, cluster.ReasonUnhealthy,
			[]string{"malformed HTTP response", "now http"}, inWeb + ": write `protocol: h2c`"},
		{"has another port too", &probeError{kind: probeSilent, err: errors.New("EOF")}, evidence{where: listening("[::]:8080 [::]:8081")}, cluster.ReasonUnhealthy,
			nil, inWeb + ": write `httpport: 8081`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			spec := shopWeb(func(p *project.Component) { p.HTTPStartHealthCheckSeconds = 60 })
			d := diagnose(c.failed, &c.e, spec)
			got := d.failure(&c.e)
			if got.Reason != c.reason || !strings.HasSuffix(got.Message, c.end) {
				t.Errorf("%s: %q, want %s and %q at the end", got.Reason, got.Message, c.reason, c.end)
			}
			for _, word := range append(c.words, inWeb) {
				if !strings.Contains(got.Message, word) {
					t.Errorf("%q does not say %q", got.Message, word)
				}
			}
		})
	}
}

func TestExitsAreExplained(t *testing.T) {
	for _, c := range []struct {
		name   string
		end    Container
		change func(*project.Component)
		e      evidence
		words  []string
		last   string
	}{
		{"its limit", Container{OOMKilled: true, ExitCode: 137}, func(c *project.Component) { c.LimitMemory = 150 }, evidence{},
			[]string{"more than 150 MiB"}, inWeb + ": write `limitmemory: 300`"},
		{"the node's memory", Container{OOMKilled: true}, nil, evidence{}, []string{"the node is out of memory"}, inWeb + ": write `reservememory: 256`"},
		{"ends well", Container{}, nil, evidence{}, []string{"code 0", "foreground"}, inWeb + ": write `command: [PROGRAM, ITS_ARGUMENTS]`"},
		{"no program", Container{ExitCode: 127}, nil, evidence{}, []string{"not found"}, inWeb + ": write `entrypoint: [/PATH/OF/PROGRAM]`"},
		{"killed", Container{ExitCode: 137}, nil, evidence{}, []string{"SIGKILL"}, inWeb + ": write `reservememory: 256`"},
		{"killed below a limit", Container{ExitCode: 137}, func(c *project.Component) { c.LimitMemory = 150 }, evidence{},
			[]string{"SIGKILL", "more than 150 MiB"}, inWeb + ": write `limitmemory: 300`"},
		{"another processor", Container{ExitCode: 1}, nil, evidence{
			output: []string{"standard_init_linux.go:228: exec user process caused: exec format error"},
			image:  ImageDetails{OS: "linux", Architecture: "s390x"},
		}, []string{"built for linux/s390x, the node is linux/"}, inWeb + ": write `image: NAME:TAG`"},
		{"no idea", Container{ExitCode: 3}, nil, evidence{output: []string{"no money left"}},
			[]string{"code 3 after 0s; its last output:\nno money left\n"}, inWeb + ".environment: write `- NAME=VALUE`"},
		{"the engine's words", Container{Error: "exec: \"/x\": executable file not found in $PATH"}, nil, evidence{},
			[]string{"`command`"}, inWeb + ": write `entrypoint: [/PATH/OF/PROGRAM]`"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := explainExit(c.end, &c.e, shopWeb(c.change))
			got := d.failure(&c.e)
			if got.Reason != cluster.ReasonExited || !strings.HasSuffix(got.Message, c.last) {
				t.Errorf("%s: %q, want it to end with %q", got.Reason, got.Message, c.last)
			}
			for _, word := range c.words {
				if !strings.Contains(got.Message, word) {
					t.Errorf("%q does not say %q", got.Message, word)
				}
			}
		})
	}
}

func TestMessagesAreBounded(t *testing.T) {
	long := strings.Repeat("é", 100_000)
	e := evidence{image: ImageDetails{Exposed: strings.Fields(strings.Repeat("1/tcp ", 1000))}, where: listening(strings.Repeat("0.0.0.0:1 ", 1000))}
	for range lastLines {
		e.output = append(e.output, clean(long, lineMost))
	}
	failed := &probeError{kind: probeStatus, status: 301, location: "https://" + long, body: []byte(long)}
	d := diagnose(failed, &e, shopWeb(nil))
	got := d.failure(&e).Message
	if len(got) > messageMost || !strings.HasSuffix(got, "`httpstarthealthcheckseconds: -1`") {
		t.Errorf("%d bytes, ending in %q", len(got), got[max(0, len(got)-100):])
	}
	if detail := detailOf(got); len(detail) > detailMost+len("...") {
		t.Errorf("%d bytes are kept of a failure", len(detail))
	}
	if text, _ := explainRefusal(long, shopWeb(nil)); len(text) > 2*refusedMost {
		t.Errorf("%d bytes of an engine's text are told", len(text))
	}
}

func TestDetailsLeaveTheOutputOut(t *testing.T) {
	for message, want := range map[string]string{
		"it broke": "it broke",
		"it broke: in maelstrom.yml, x: write `y`":                         "it broke: in maelstrom.yml, x: write `y`",
		"it broke; its last output:\na\nb":                                 "it broke",
		"it broke; its last output:\na\nb\nin maelstrom.yml, x: write `y`": "it broke: in maelstrom.yml, x: write `y`",
	} {
		if got := detailOf(message); got != want {
			t.Errorf("of %q is kept %q, want %q", message, got, want)
		}
	}
}
