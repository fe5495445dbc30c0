package project

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func shop() *Project {
	return &Project{
		Name: "shop",
		Components: []Component{
			{Name: "shop_api", Project: "shop", Image: "api:1", Environment: []EnvVar{{"MODE", "slow"}, {"TOKEN", "hunter2hunter2"}}},
			{Name: "shop_old", Project: "shop", Image: "old:1"},
			{Name: "shop_web", Project: "shop", Image: "web:1", MaxConcurrency: 5},
		},
		EventSources: []EventSource{
			{Name: "shop_api-http", Project: "shop", Component: "shop_api", HTTP: &HTTPSource{Hostname: "api.test"}},
			{Name: "shop_nightly", Project: "shop", Component: "shop_api", Cron: &CronSource{Schedule: "0 3 * * *", HTTP: CronHTTP{Method: "GET", Path: "/n"}}},
			{Name: "shop_odd", Project: "shop", Component: "shop_web", HTTP: &HTTPSource{Hostname: "odd.test"}},
		},
	}
}

func shopChanged() *Project {
	p := shop()
	p.Components = []Component{p.Components[0], p.Components[2], {Name: "shop_new", Project: "shop", Image: "new:1"}}
	p.Components[0].Environment = []EnvVar{{"EXTRA", "a\nb"}, {"MODE", "fast"}, {"TOKEN", "correcthorse"}}
	p.Components[1].MaxConcurrency = 20
	p.EventSources[0].HTTP = &HTTPSource{Hostname: "api.test", PathPrefix: "/v1", StripPrefix: true}
	p.EventSources[1].Cron = &CronSource{Schedule: "30 3 * * *", HTTP: CronHTTP{Method: "GET", Path: "/n"}}
	p.EventSources[2] = EventSource{Name: "shop_odd", Project: "shop", Component: "shop_web", Cron: &CronSource{Schedule: "@hourly", HTTP: CronHTTP{Method: "GET", Path: "/"}}}
	return p
}

var shopPositions = map[string]Position{
	"components.shop_api":                         {"maelstrom.yml", 3, 3},
	"components.shop_api.environment":             {"maelstrom.yml", 5, 7},
	"components.shop_api.environment.MODE":        {"maelstrom.yml", 6, 9},
	"components.shop_web.maxconcurrency":          {"maelstrom.yml", 12, 21},
	"components.shop_new":                         {"maelstrom.yml", 20, 3},
	"eventsources.shop_api-http":                  {"maelstrom.yml", 30, 5},
	"eventsources.shop_api-http.http":             {"maelstrom.yml", 31, 7},
	"eventsources.shop_api-http.http.stripprefix": {"maelstrom.yml", 33, 7},
	"eventsources.shop_nightly.cron.schedule":     {"maelstrom.yml", 40, 7},
}

// plain replaces the hashes of secrets, which differ from process to process.
func plain(text string) string {
	var out strings.Builder
	for {
		before, after, found := strings.Cut(text, ") #")
		out.WriteString(before)
		if !found {
			return out.String()
		}
		out.WriteString(") #HASH")
		text = after[8:]
	}
}

func TestDiffText(t *testing.T) {
	changes := Diff(shop(), shopChanged(), shopPositions)
	changes.Preview(func(schedule string) []time.Time {
		if schedule == "@hourly" {
			return nil
		}
		return []time.Time{time.Date(2025, 1, 1, 3, 30, 0, 0, time.UTC), time.Date(2025, 1, 2, 3, 30, 0, 0, time.UTC)}
	})
	var b bytes.Buffer
	if err := changes.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	want := `  - component shop_old (old:1)
-/+ event source shop_odd: replacement
      type: http -> cron
      schedule: (none) -> @hourly
      hostname: odd.test -> (none)
      method: (none) -> GET
      path: (none) -> /
  ~ component shop_api: rolling restart
      environment[EXTRA]: (none) -> "a\nb"  maelstrom.yml:5
      environment[MODE]: slow -> fast  maelstrom.yml:6
      environment[TOKEN]: (sensitive) #HASH -> (sensitive, changed) #HASH  maelstrom.yml:5
  ~ component shop_web: no restart
      maxconcurrency: 5 -> 20  maelstrom.yml:12
  ~ event source shop_api-http: route only
      pathprefix: (empty) -> /v1  maelstrom.yml:31
      stripprefix: false -> true  maelstrom.yml:33
  ~ event source shop_nightly: schedule only
      schedule: 0 3 * * * -> 30 3 * * *  maelstrom.yml:40
      fires next: Wed 2025-01-01 03:30:00 +00:00, Thu 2025-01-02 03:30:00 +00:00 (UTC)
  + component shop_new (new:1)  maelstrom.yml:20

Plan: 1 to add, 5 to change (1 restart), 1 to remove
`
	if diff := cmp.Diff(want, plain(b.String())); diff != "" {
		t.Error(diff)
	}
}

func TestDiffTextSurvivesJSON(t *testing.T) {
	changes := Diff(shop(), shopChanged(), shopPositions)
	data, err := json.Marshal(changes)
	if err != nil {
		t.Fatal(err)
	}
	var back Changes
	if err := json.Unmarshal(data, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(text(t, changes), text(t, back)); diff != "" {
		t.Error(diff)
	}
}

func text(t testing.TB, c Changes) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Text(&b, true); err != nil {
		t.Fatal(err)
	}
	if err := c.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestDiffJSON(t *testing.T) {
	old, new := shop(), shop()
	new.Components[2].MaxConcurrency = 20
	new.Components[2].Image = "web:2"
	data, err := json.Marshal(Diff(old, new, shopPositions))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"project":"shop",
"components":{"added":[],"updated":[{"name":"shop_web","impact":"rolling restart","detail":"web:2","file":"","line":0,"changes":[
{"field":"image","old":"web:1","new":"web:2","file":"","line":0,"side":"new","impact":"rolling restart"},
{"field":"maxconcurrency","old":5,"new":20,"file":"maelstrom.yml","line":12,"side":"new","impact":"no restart"}]}],"removed":[]},
"event_sources":{"added":[],"updated":[],"removed":[]},
"summary":{"added":0,"updated":1,"restarts":1,"removed":0},"notes":[]}`
	if got := string(data); got != strings.ReplaceAll(want, "\n", "") {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestDiffOfNothing(t *testing.T) {
	removed := Diff(shop(), nil, nil)
	if removed.Summary.Removed != 6 || removed.Project != "shop" {
		t.Errorf("removing: %+v of %q", removed.Summary, removed.Project)
	}
	added := Diff(nil, shop(), shopPositions)
	if added.Summary.Added != 6 || added.Components.Added[0].Line != 3 {
		t.Errorf("adding: %+v, %+v", added.Summary, added.Components.Added)
	}
	none := Diff(nil, nil, nil)
	if !none.Empty() || none.PlanLine() != "Plan: 0 to add, 0 to change, 0 to remove" {
		t.Errorf("nothing: %s", none.PlanLine())
	}
}

func TestRemovedLineIsOnTheOldSide(t *testing.T) {
	old, new := shop(), shop()
	new.Components[0].Environment = new.Components[0].Environment[:1]
	got := Diff(old, new, shopPositions).Components.Updated[0].Changes
	if len(got) != 1 || got[0].Field != "environment[TOKEN]" || got[0].New != nil || got[0].Side != SideOld || got[0].Line != 0 {
		t.Errorf("changes = %+v", got)
	}
}

func TestDerivedDefaultsAreShown(t *testing.T) {
	old, new := shop(), shop()
	new.Components[2].MaxInstances = 1
	got := Diff(old, new, nil).Components.Updated[0]
	var fields []string
	for _, c := range got.Changes {
		fields = append(fields, fmt.Sprintf("%s %v %v", c.Field, c.Old, c.New))
	}
	if want := []string{"maxinstances 0 1", "restartorder startstop stopstart"}; !slices.Equal(fields, want) {
		t.Errorf("changes %q, want %q", fields, want)
	}
	if got.Impact != ImpactNone {
		t.Errorf("impact %s", got.Impact)
	}
}

func TestElementsAreComparedByTheirKey(t *testing.T) {
	base := Component{
		Name: "shop_web", Image: "web", LogDriverOptions: map[string]string{"tag": "a", "splunk-token": "hunter2hunter2"},
		Volumes: []Volume{{Source: "/a", Target: "/data"}}, Ulimits: []string{"nofile=1:2", "nproc=5"}, Command: []string{"run", "fast"},
		DNS: []string{"1.1.1.1"}, CapAdd: []string{"NET_ADMIN"},
	}
	changed := base
	changed.LogDriverOptions = map[string]string{"tag": "b", "splunk-token": "correcthorse"}
	changed.Volumes = []Volume{{Type: "bind", Source: "/a", Target: "/data", ReadOnly: true}, {Type: "tmpfs", Target: "/tmp"}}
	changed.Ulimits = []string{"nproc=5", "nofile=1:3"}
	changed.Command = []string{"run"}
	got := Diff(&Project{Components: []Component{base}}, &Project{Components: []Component{changed}}, nil)
	var lines []string
	for _, c := range got.Components.Updated[0].Changes {
		lines = append(lines, plain(fmt.Sprintf("%s: %v -> %v", c.Field, c.Old, c.New)))
	}
	want := []string{
		"command[1]: fast -> <nil>",
		"restartorder: stopstart -> startstop",
		"logdriveroptions[splunk-token]: (sensitive) #HASH -> (sensitive, changed) #HASH",
		"logdriveroptions[tag]: a -> b",
		"volumes[/data]: bind /a -> bind /a (read-only)",
		"volumes[/tmp]: <nil> -> tmpfs",
		"ulimits[nofile]: 1:2 -> 1:3",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Error(diff)
	}
}

// Every key of a component has an entry in the table of impacts, and a change
// of it shows under its own name.
func TestEveryFieldIsCompared(t *testing.T) {
	known := map[string]Impact{}
	for _, f := range componentFields {
		known[f.name] = f.impact
	}
	typ := reflect.TypeFor[Component]()
	for i := range typ.NumField() {
		name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
		if name == "name" || name == "project" {
			continue
		}
		impact, ok := known[name]
		if !ok {
			t.Errorf("%s has no entry in componentFields", name)
			continue
		}
		delete(known, name)
		old, new := Component{Name: "c", Image: "i"}, Component{Name: "c", Image: "i"}
		setSomething(reflect.ValueOf(&new).Elem().Field(i))
		changes := Diff(&Project{Components: []Component{old}}, &Project{Components: []Component{new}}, nil).Components.Updated
		if len(changes) != 1 {
			t.Errorf("%s: a change does not show", name)
			continue
		}
		found := slices.ContainsFunc(changes[0].Changes, func(c Change) bool {
			field, _, _ := strings.Cut(c.Field, "[")
			return field == name && c.Impact == impact
		})
		if !found {
			t.Errorf("%s: shows as %+v", name, changes[0].Changes)
		}
	}
	for name := range known {
		t.Errorf("componentFields has %s, which is no key", name)
	}
}

// setSomething gives v a value that is not its default.
func setSomething(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("stopstart")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(77)
	case reflect.Float64:
		v.SetFloat(0.5)
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"key": "value"}))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		switch e := v.Index(0); e.Kind() {
		case reflect.String:
			e.SetString("name=value")
		case reflect.Uint8:
			e.SetUint('x')
		default:
			for i := range e.NumField() {
				setSomething(e.Field(i))
			}
		}
	}
}

func TestEveryEventSourceFieldIsCompared(t *testing.T) {
	keys := map[EventSourceType][]string{}
	for _, f := range httpFields {
		keys[TypeHTTP] = append(keys[TypeHTTP], f.name)
	}
	for _, f := range cronFields {
		keys[TypeCron] = append(keys[TypeCron], f.name)
	}
	for _, f := range sqsFields {
		keys[TypeSQS] = append(keys[TypeSQS], f.name)
	}
	for _, f := range stepFuncFields {
		keys[TypeAWSStepFunc] = append(keys[TypeAWSStepFunc], f.name)
	}
	for typ, v := range map[EventSourceType][]reflect.Type{
		TypeHTTP:        {reflect.TypeFor[HTTPSource]()},
		TypeCron:        {reflect.TypeFor[CronSource](), reflect.TypeFor[CronHTTP]()},
		TypeSQS:         {reflect.TypeFor[SQSSource]()},
		TypeAWSStepFunc: {reflect.TypeFor[AWSStepFuncSource]()},
	} {
		var want []string
		for _, typ := range v {
			for i := range typ.NumField() {
				if name, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ","); name != "http" {
					want = append(want, name)
				}
			}
		}
		slices.Sort(want)
		slices.Sort(keys[typ])
		if diff := cmp.Diff(want, keys[typ]); diff != "" {
			t.Errorf("%s: %s", typ, diff)
		}
	}
}

func TestCrontabNotes(t *testing.T) {
	crontab := func(jobs ...string) *Project {
		p := &Project{Name: "s", Components: []Component{{Name: "s_web", Image: "web"}}}
		for i, job := range jobs {
			p.EventSources = append(p.EventSources, EventSource{
				Name: fmt.Sprintf("s_web-cron-%d", i), Component: "s_web",
				Cron: &CronSource{Schedule: "0 1 * * *", HTTP: CronHTTP{Method: "GET", Path: job}},
			})
		}
		return p
	}
	for _, tt := range []struct {
		old, new []string
		want     string
	}{
		{[]string{"/a", "/b", "/c"}, []string{"/a", "/new", "/b", "/c"}, "1 line was inserted into the crontab of s_web"},
		{[]string{"/a", "/b"}, []string{"/x", "/y", "/a", "/b"}, "2 lines were inserted into the crontab of s_web"},
		{[]string{"/a", "/b", "/c"}, []string{"/b", "/c"}, "1 line was removed from the crontab of s_web"},
		{[]string{"/a", "/b"}, []string{"/a", "/b", "/c"}, ""},
		{[]string{"/a", "/b"}, []string{"/a"}, ""},
		{[]string{"/a", "/b"}, []string{"/a", "/x"}, ""},
		{[]string{"/a", "/b"}, []string{"/y", "/x", "/z"}, ""},
		{nil, []string{"/a"}, ""},
	} {
		notes := Diff(crontab(tt.old...), crontab(tt.new...), nil).Notes
		got := strings.Join(notes, "\n")
		if tt.want == "" && got != "" || !strings.Contains(got, tt.want) {
			t.Errorf("%v -> %v: notes %q, want %q", tt.old, tt.new, got, tt.want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	old, new := shop(), shopChanged()
	new.Components[0].Environment[1].Value = "`whoami` @all"
	var b bytes.Buffer
	changes := Diff(old, new, shopPositions)
	if err := changes.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"### Project `shop`", "**Plan: 1 to add, 5 to change (1 restart), 1 to remove**",
		"- `-` component `shop_old` (`old:1`)", "- `~` component `shop_api`: **rolling restart**",
		"  - `environment[MODE]`: `slow` → `` `whoami` @all `` — maelstrom.yml:6",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	if strings.Index(b.String(), "shop_old") > strings.Index(b.String(), "shop_new") {
		t.Error("an addition stands before a removal")
	}
}

func TestMarkdownIsBounded(t *testing.T) {
	old, new := &Project{Name: "big"}, &Project{Name: "big"}
	for i := range 3000 {
		name := fmt.Sprintf("big_component-%d", i)
		old.Components = append(old.Components, Component{Name: name, Image: "a"})
		new.Components = append(new.Components, Component{Name: name, Image: strings.Repeat("é`", 500)})
	}
	for i := range 2000 {
		new.Components[7].Environment = append(new.Components[7].Environment, EnvVar{fmt.Sprintf("VAR%d", i), strings.Repeat("v", 300)})
	}
	old.Components = append(old.Components, Component{Name: "big_zzz-gone", Image: "a"})
	changes := Diff(old, new, nil)
	var b bytes.Buffer
	if err := changes.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > markdownLimit {
		t.Errorf("%d bytes, more than %d", b.Len(), markdownLimit)
	}
	for _, want := range []string{"big_zzz-gone", "more, not shown", "1 to remove"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestTextIsSafeForATerminal(t *testing.T) {
	old, new := shop(), shop()
	new.Components[0].Image = "evil\x1b[2J\nPlan: nothing"
	changes := Diff(old, new, nil)
	var b bytes.Buffer
	if err := changes.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(b.String(), "\x1b") || strings.Count(b.String(), "\nPlan:") != 1 {
		t.Errorf("text is %q", b.String())
	}
}

func BenchmarkDiff(b *testing.B) {
	old, new := &Project{Name: "p"}, &Project{Name: "p"}
	for i := range 10_000 {
		c := Component{Name: fmt.Sprintf("p_c%d", i), Image: "web:1", Environment: []EnvVar{{"A", "1"}, {"TOKEN", "2"}}}
		e := EventSource{Name: c.Name + "-http", Component: c.Name, HTTP: &HTTPSource{Hostname: c.Name + ".test"}}
		old.Components, new.Components = append(old.Components, c), append(new.Components, c)
		old.EventSources, new.EventSources = append(old.EventSources, e), append(new.EventSources, e)
	}
	new.Components[4711].Image = "web:2"
	b.ReportAllocs()
	for b.Loop() {
		if c := Diff(old, new, nil); c.Summary.Updated != 1 {
			b.Fatal(c.Summary)
		}
	}
}
