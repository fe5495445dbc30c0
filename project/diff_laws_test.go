package project

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// drawProject draws a project with few names, so that two of them overlap.
func drawProject(t *rapid.T, label string) *Project {
	p := &Project{Name: "p"}
	word := rapid.SampledFrom([]string{"", "a", "b", "/c"})
	number := rapid.IntRange(0, 3)
	for i := range rapid.IntRange(0, 3).Draw(t, label+" components") {
		c := Component{
			Name: fmt.Sprintf("p_c%d", i), Project: "p", Image: word.Draw(t, "image"),
			Command: rapid.SliceOfN(word, 0, 2).Draw(t, "command"), MaxConcurrency: number.Draw(t, "maxconcurrency"),
			MaxInstances: number.Draw(t, "maxinstances"), HTTPStartHealthCheckSeconds: number.Draw(t, "start") - 1,
			ReserveMemory: int64(number.Draw(t, "memory")) * 128, SoftConcurrencyLimit: rapid.Bool().Draw(t, "soft"),
			RestartOrder:     RestartOrder(rapid.SampledFrom([]string{"", "startstop", "stopstart"}).Draw(t, "order")),
			LogDriverOptions: rapid.MapOfN(word, word, 0, 2).Draw(t, "options"), PullPassword: word.Draw(t, "password"),
			Ulimits: rapid.SampledFrom([][]string{nil, {"nofile=1"}, {"nproc=1", "nofile=2"}}).Draw(t, "ulimits"),
		}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"A", "B", "SECRET_KEY"}), 0, 3, rapid.ID).Draw(t, "env") {
			c.Environment = append(c.Environment, EnvVar{name, word.Draw(t, "value")})
		}
		for _, target := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"/a", "/b"}), 0, 2, rapid.ID).Draw(t, "volumes") {
			c.Volumes = append(c.Volumes, Volume{Type: rapid.SampledFrom([]string{"", "bind", "tmpfs"}).Draw(t, "type"), Target: target})
		}
		c.Wake, c.Awake = drawWake(t), drawAwake(t)
		p.Components = append(p.Components, c)
	}
	for i := range rapid.IntRange(0, 3).Draw(t, label+" event sources") {
		e := EventSource{Name: fmt.Sprintf("p_e%d", i), Project: "p", Component: fmt.Sprintf("p_c%d", number.Draw(t, "of"))}
		switch rapid.IntRange(0, 3).Draw(t, "kind") {
		case 0:
			e.HTTP = &HTTPSource{Hostname: word.Draw(t, "host"), PathPrefix: word.Draw(t, "prefix"), StripPrefix: rapid.Bool().Draw(t, "strip")}
		case 1:
			e.Cron = &CronSource{Schedule: word.Draw(t, "schedule"), HTTP: CronHTTP{Method: "GET", Path: word.Draw(t, "path")}}
			if rapid.Bool().Draw(t, "with header") {
				e.Cron.HTTP.Headers = []Header{{"Cookie", word.Draw(t, "cookie")}}
			}
		case 2:
			e.SQS = &SQSSource{QueueName: word.Draw(t, "queue"), MaxConcurrency: number.Draw(t, "sqs")}
		case 3:
			e.AWSStepFunc = &AWSStepFuncSource{ActivityName: word.Draw(t, "activity"), MaxConcurrency: number.Draw(t, "tasks")}
		}
		p.EventSources = append(p.EventSources, e)
	}
	return p
}

// drawWake draws rules that are valid.
func drawWake(t *rapid.T) []WakeRule {
	return rapid.SampledFrom([][]WakeRule{
		nil, nil, {{Monitors: true}}, {{Monitors: true, Answer: 200}}, {{Paths: []string{"/a", "/b"}}}, {{Paths: []string{"/a /b"}}},
		{{Methods: []string{"HEAD"}, Agents: []string{"a b", `c", "d`}, Answer: 204}, {Sources: []string{"10.0.0.0/8", "::1"}}},
	}).Draw(t, "wake")
}

// drawAwake draws windows that are valid.
func drawAwake(t *rapid.T) []AwakeWindow {
	return rapid.SampledFrom([][]AwakeWindow{
		nil, nil, {{Cron: "@daily", ForSeconds: 36000}}, {{Cron: "@daily", ForSeconds: 36000, Min: 1}},
		{{Cron: "TZ=Europe/Berlin 0 8 * * mon-fri", ForSeconds: 5401}, {Cron: "0 0 * * *", ForSeconds: 604800}},
	}).Draw(t, "awake")
}

// effective is p with every default written out.
func effective(p *Project) *Project {
	out := &Project{Name: p.Name}
	for _, c := range p.Components {
		out.Components = append(out.Components, c.Effective())
	}
	for _, e := range p.EventSources {
		out.EventSources = append(out.EventSources, e.Effective())
	}
	return out
}

// shuffled is p with everything without an order in another one.
func shuffled(p *Project, seed uint64) *Project {
	r := rand.New(rand.NewPCG(seed, 1))
	out := &Project{Name: p.Name, Components: slices.Clone(p.Components), EventSources: slices.Clone(p.EventSources)}
	shuffle(r, out.Components)
	shuffle(r, out.EventSources)
	for i := range out.Components {
		c := &out.Components[i]
		c.Environment, c.Volumes, c.Ulimits = slices.Clone(c.Environment), slices.Clone(c.Volumes), slices.Clone(c.Ulimits)
		shuffle(r, c.Environment)
		shuffle(r, c.Volumes)
		shuffle(r, c.Ulimits)
	}
	return out
}

func shuffle[T any](r *rand.Rand, s []T) {
	r.Shuffle(len(s), func(i, j int) { s[i], s[j] = s[j], s[i] })
}

func TestDiffLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawProject(t, "a"), drawProject(t, "b")
		seed := rapid.Uint64().Draw(t, "seed")

		if c := Diff(a, a, nil); !c.Empty() {
			t.Fatalf("a project differs from itself: %+v", c)
		}
		if c := Diff(a, effective(a), nil); !c.Empty() {
			t.Fatalf("writing defaults out is a change: %+v", c)
		}
		if c := Diff(a, shuffled(a, seed), nil); !c.Empty() {
			t.Fatalf("order is a change: %+v", c)
		}
		changes := Diff(a, b, nil)
		if again := Diff(effective(a), effective(b), nil); !reflect.DeepEqual(changes.Summary, again.Summary) {
			t.Fatalf("defaults written out change the summary: %+v, %+v", changes.Summary, again.Summary)
		}
		if !changes.Empty() && Diff(b, a, nil).Summary.Updated != changes.Summary.Updated {
			t.Fatal("there are more updates one way than the other")
		}
		if changes.Empty() != reflect.DeepEqual(normal(a), normal(b)) {
			t.Fatalf("empty is %v, but the effective projects are\n%+v\n%+v", changes.Empty(), normal(a), normal(b))
		}
	})
}

// normal is p as JSON with everything in a fixed order, to compare by itself.
func normal(p *Project) string {
	p = shuffled(effective(p), 0)
	slices.SortFunc(p.Components, func(a, b Component) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.EventSources, func(a, b EventSource) int { return strings.Compare(a.Name, b.Name) })
	for i := range p.Components {
		c := &p.Components[i]
		slices.SortFunc(c.Environment, func(a, b EnvVar) int { return strings.Compare(a.Name, b.Name) })
		slices.SortFunc(c.Volumes, func(a, b Volume) int { return strings.Compare(a.Target, b.Target) })
		slices.Sort(c.Ulimits)
	}
	data, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return string(data)
}

// Whatever changes, no rendering of it holds the value of a secret, and equal
// values show equal hashes.
func TestSecretsStayHidden(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := func(label string) string {
			if rapid.Bool().Draw(t, label+" set") {
				return "s3cr3t-" + rapid.StringMatching(`[a-z]{3}`).Draw(t, label)
			}
			return ""
		}
		build := func() *Project {
			return &Project{
				Name: "p",
				Components: []Component{{
					Name: "p_c", Image: "i", PullPassword: secret("pull"),
					Environment:      []EnvVar{{"DB_PASSWORD", secret("env")}, {"api_key", secret("key")}},
					LogDriverOptions: map[string]string{"splunk-token": secret("log")},
				}},
				EventSources: []EventSource{{
					Name: "p_e", Component: "p_c",
					Cron: &CronSource{Schedule: "@daily", HTTP: CronHTTP{Method: "GET", Path: "/", Headers: []Header{{"Authorization", secret("header")}}}},
				}},
			}
		}
		for _, changes := range []Changes{Diff(build(), build(), nil), Diff(nil, build(), nil), Diff(build(), nil, nil)} {
			data, err := json.Marshal(changes)
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := changes.Text(&b, false); err != nil {
				t.Fatal(err)
			}
			if err := changes.Markdown(&b); err != nil {
				t.Fatal(err)
			}
			if all := string(data) + b.String(); strings.Contains(all, "s3cr3t") {
				t.Fatalf("a secret shows in %s", all)
			}
		}
	})
	if a, b := maskWith(Hidden, "x"), maskWith(Hidden, "x"); a != b {
		t.Errorf("one value, two hashes: %v, %v", a, b)
	}
	if a, b := maskWith(Hidden, "x"), maskWith(Hidden, "y"); a == b {
		t.Errorf("two values, one hash: %v", a)
	}
}
