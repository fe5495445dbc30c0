package project

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

type exportTester interface {
	Helper()
	Fatalf(string, ...any)
	Errorf(string, ...any)
}

// checkExport holds the laws of an export: loaded with its variables it is
// clean and the same project, and it shows no secret.
func checkExport(t exportTester, p *Project, x Exported) {
	t.Helper()
	values := map[string]string{}
	for _, v := range x.Variables {
		if _, twice := values[v.Name]; twice {
			t.Errorf("%s is listed twice", v.Name)
		}
		values[v.Name] = v.value
		if len(v.Paths) == 0 || !strings.Contains(x.Text, "${"+v.Name+"}") {
			t.Errorf("%s is nowhere", v.Name)
		}
	}
	loaded := Load(Input{File: "export.yml", Data: []byte(x.Text), Lookup: func(name string) (string, bool) {
		value, ok := values[name]
		return value, ok
	}})
	clean := !slices.ContainsFunc(loaded.Problems, func(p Problem) bool { return p.Rule != ruleNotRun }) // which no text could help
	if !clean || loaded.Project == nil {
		t.Fatalf("the export is not clean:\n%s\n%s", x.Text, problemText(loaded.Problems))
	}
	if changes := Diff(p, loaded.Project, nil); !changes.Empty() || changes.Project != p.Name {
		t.Fatalf("the export differs: %+v\n%s", changes, x.Text)
	}
	if diff := cmp.Diff(effective(p).sorted(), effective(loaded.Project).sorted()); diff != "" {
		t.Fatalf("the export differs:\n%s\n%s", diff, x.Text)
	}
	if again := Export(loaded.Project).Text; len(x.Variables) == 0 && again != x.Text {
		t.Errorf("the export of an export differs:\n%s\n%s", x.Text, again)
	}
}

// sorted is p with nothing that is empty in one way or another, in order.
func (p *Project) sorted() *Project {
	slices.SortFunc(p.Components, func(a, b Component) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(p.EventSources, func(a, b EventSource) int { return strings.Compare(a.Name, b.Name) })
	for i := range p.Components {
		c := &p.Components[i]
		for _, list := range []*[]string{&c.Command, &c.Entrypoint, &c.Ulimits, &c.Ports, &c.DNS} {
			if len(*list) == 0 {
				*list = nil
			}
		}
		if len(c.LogDriverOptions) == 0 {
			c.LogDriverOptions = nil
		}
	}
	return p
}

func TestExportsOfTheCorpusLoadAsThemselves(t *testing.T) {
	files := slices.Concat(corpus(t, "testdata/good/*.yml"), corpus(t, "../examples/*/maelstrom.yml"))
	for _, path := range files {
		t.Run(path, func(t *testing.T) {
			loaded := loadFile(t, path)
			if loaded.Project == nil {
				t.Fatalf("refused:\n%s", problemText(loaded.Problems))
			}
			checkExport(t, loaded.Project, Export(loaded.Project))
			checkExport(t, loaded.Project, ExportPrefixed(loaded.Project, "a 1"))
		})
	}
}

func TestExportIsCanonical(t *testing.T) {
	loaded := loadFile(t, "testdata/good/full.yml")
	golden(t, "testdata/export/full.yml", []byte(Export(loaded.Project).Text))
	x := Export(loaded.Project)
	golden(t, "testdata/export/full.env", []byte(x.EnvTemplate()))
}

func TestExportHidesEverySecret(t *testing.T) {
	p := mustLoad(t, `name: shop
components:
  web:
    image: x
    maxconcurrency: 20
    environment: [DB_PASSWORD=hunter1, API_TOKEN=same, EMPTY_SECRET=, PLAIN=shown]
    pullpassword: hunter2
    logdriveroptions: {splunk-token: hunter3, tag: shown}
    files:
    - {target: /run/key.pem, content: "-----\nhunter4\n", sensitive: true}
    eventsources:
      job: {cron: {schedule: "@daily", http: {method: POST, path: /, headers: [{name: Authorization, value: Bearer hunter5}]}}}
  api:
    image: x
    environment: [DB_PASSWORD=hunter6, API_TOKEN=same]
`)
	x := Export(p)
	checkExport(t, p, x)
	if strings.Contains(x.Text, "hunter") || strings.Contains(x.EnvTemplate(), "hunter") || strings.Count(x.Text, "shown") != 2 {
		t.Errorf("secrets are shown, or what is none is not:\n%s", x.Text)
	}
	var names []string
	for _, v := range x.Variables {
		names = append(names, v.Name)
	}
	want := []string{"API_TOKEN", "API_DB_PASSWORD", "AUTHORIZATION", "FILE_RUN_KEY_PEM", "PULLPASSWORD", "SPLUNK_TOKEN", "WEB_DB_PASSWORD"}
	slices.Sort(want)
	if diff := cmp.Diff(want, names); diff != "" {
		t.Error(diff)
	}
	if _, err := ParseEnv([]byte(x.EnvTemplate())); err != nil {
		t.Errorf("the template is no dotenv file: %v", err)
	}
	if got := ExportPrefixed(p, "shop").Variables[0].Name; got != "SHOP_API_DB_PASSWORD" {
		t.Errorf("with a prefix: %s", got)
	}
}

func TestExportedVariablesOfOtherValuesHaveOtherNames(t *testing.T) {
	p := mustLoad(t, `name: shop
components:
  a_b: {image: x, environment: [C_SECRET=1, a_secret=5, A_SECRET=6]}
  a: {image: x, environment: [B_C_SECRET=2, C_SECRET=3], maxconcurrency: 2}
`)
	checkExport(t, p, Export(p))
}

// texts are those that YAML, variables and blocks could mistake.
var texts = rapid.OneOf(
	rapid.SampledFrom([]string{
		"a", "/a/b", "a b", "a: b", "a #b", "yes", "No", "null", "~", "1", "1.5", "0x1f", "2024-01-01", "-", "- a", "?", "a:", ":a", "<<", "*a", "&a", "!a", "%a", "@a", "`a`",
		"${X}", "$${X}", "$$${X}", "${}", "$${}", "${", "${a", "${a${b}", "${X:-d}", "}", "{a}", "[a]", "a ${X} \n${Y\n}", "${\n}", "\"${X}\"", `\${X}`, "$", "$$",
		"a\nb", "a\nb\n", "a\n\nb", "a\n\n", "\na", " a\nb", "a\n b\n", "a\n  ", "a\t\nb", "\ta\nb", "a\r\nb", "a\u0085b", "a\u2028b", "\ufeffa", "\x01", "\x7f", "é ü", "日本\nx", "\U0001F600", "\U000F0000\U00100000", "\U0010FFFF", "\ufffd",
		"'", `"`, `\`, "a\\nb", " ", " a", "a ", "#a", "a,b", "true", ".inf", "=", "y\n", "|", "> a", "---", "...\n---",
	}),
	rapid.StringMatching(`[ -~\n$\{\}é\t]{1,12}`),
)

// drawWhole draws a project that a file can declare.
func drawWhole(t *rapid.T) *Project {
	p := drawProject(t, "p")
	p.Name = rapid.SampledFrom([]string{"p", "on", "1"}).Draw(t, "name")
	if len(p.Components) == 0 {
		p.Components = []Component{{Name: "p_c0", Project: "p"}}
	}
	rename := func(name string) string { return p.Name + strings.TrimPrefix(name, "p") }
	for i := range p.Components {
		c := &p.Components[i]
		c.Name, c.Project, c.Image = rename(c.Name), p.Name, rapid.SampledFrom([]string{"a", "a:1", "h:5000/a@sha256:" + strings.Repeat("a", 64)}).Draw(t, "image")
		c.Command = rapid.SliceOfN(texts, 0, 3).Draw(t, "command")
		c.MinInstances, c.LogDriverOptions = 0, rapid.MapOfN(texts, texts, 0, 2).Draw(t, "options")
		c.PullPassword = texts.Draw(t, "password")
		c.ScaleUpConcurrencyPct = rapid.SampledFrom([]float64{0, 0.75, 0.5, 1}).Draw(t, "up")
		c.Volumes, c.Ulimits = drawVolumes(t), nil
		for j := range c.Environment {
			c.Environment[j].Value = texts.Draw(t, "value")
		}
		slices.SortFunc(c.Environment, func(a, b EnvVar) int { return strings.Compare(a.Name, b.Name) })
		if rapid.Bool().Draw(t, "with a file") {
			c.Files = []FileMount{{Target: "/etc/x", Content: []byte(rapid.OneOf(texts, rapid.Just("\xff\xfe")).Draw(t, "content")),
				Mode: rapid.SampledFrom([]string{"", "0444", "0400"}).Draw(t, "mode"), Sensitive: rapid.Bool().Draw(t, "sensitive")}}
		}
	}
	for i := range p.EventSources {
		e := &p.EventSources[i]
		e.Name, e.Project, e.Component = rename(e.Name), p.Name, p.Components[i%len(p.Components)].Name
		drawSource(t, e, i)
	}
	return p
}

func drawVolumes(t *rapid.T) (volumes []Volume) {
	for i := range rapid.IntRange(0, 2).Draw(t, "volumes") {
		volumes = append(volumes, Volume{Type: rapid.SampledFrom([]string{"", "bind", "volume"}).Draw(t, "type"),
			Source: "/s", Target: fmt.Sprint("/t", i), ReadOnly: rapid.Bool().Draw(t, "readonly")})
		if volumes[i].Type == "volume" {
			volumes[i].Source = "s"
		}
	}
	return volumes
}

// drawSource makes e one that is valid.
func drawSource(t *rapid.T, e *EventSource, i int) {
	switch {
	case e.HTTP != nil:
		e.HTTP.Hostname, e.HTTP.PathPrefix = fmt.Sprintf("h%d.test", i), rapid.SampledFrom([]string{"", "/", "/a b"}).Draw(t, "prefix")
	case e.Cron != nil:
		e.Cron = &CronSource{Schedule: rapid.SampledFrom([]string{"@daily", "*/5 * * * *", "TZ=UTC 0 3 * * 1-5"}).Draw(t, "schedule"),
			HTTP: CronHTTP{Method: "POST", Path: "/?a=${X}", Data: texts.Draw(t, "data")}}
		if rapid.Bool().Draw(t, "with headers") {
			e.Cron.HTTP.Headers = []Header{{"Cookie", rapid.StringMatching(`[a-z$\{\}:# ]{1,9}x`).Draw(t, "cookie")}, {"X-A", "${a}: b"}}
		}
	case e.SQS != nil:
		number := rapid.IntRange(0, 3)
		e.SQS = &SQSSource{QueueName: "q", Path: "/", MaxConcurrency: 10 * number.Draw(t, "sqs"),
			MessagesPerPoll: number.Draw(t, "poll"), ConcurrencyPerPoller: number.Draw(t, "poller")}
	case e.AWSStepFunc != nil:
		e.AWSStepFunc.ActivityName, e.AWSStepFunc.Path = "a", "/"
	}
}

func TestExportsOfDrawnProjectsLoadAsThemselves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := drawWhole(t)
		x := Export(p)
		checkExport(t, p, x)
	})
}

func TestExportsOfFullNamesThatRepeatTheProject(t *testing.T) {
	for _, name := range []string{"web", "s_web", "s_s_web", "s_"} {
		p := mustLoad(t, "name: s\ncomponents:\n  "+name+": {image: x, maxconcurrency: 2}\n")
		checkExport(t, p, Export(p))
	}
}

func FuzzExportOfText(f *testing.F) {
	for _, text := range []string{"${X}", "a: b", "a\nb", " \n${", "\x00", "\xff"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		text = strings.ToValidUTF8(strings.ReplaceAll(text, "\x00", ""), "?")
		p := mustLoad(t, "name: s\ncomponents: {web: {image: x, maxconcurrency: 2}}\n")
		p.Components[0].Command = []string{text}
		p.Components[0].Environment = []EnvVar{{"A_TOKEN", text}, {"B", text}}
		checkExport(t, p, Export(p))
	})
}

// What is not known is a variable of its own, with the name that it goes by.
func TestExportOfAProjectWithoutValues(t *testing.T) {
	p := &Project{Name: "shop", Components: []Component{
		{Name: "shop_a", Image: "i", Environment: []EnvVar{{Name: "COLOUR"}, {Name: "TOKEN"}}},
		{Name: "shop_b", Image: "i", Environment: []EnvVar{{Name: "COLOUR"}}},
	}, EventSources: []EventSource{
		{Name: "shop_tidy", Component: "shop_a", Cron: &CronSource{Schedule: "0 3 * * *", HTTP: CronHTTP{Method: "GET", Path: "/", Headers: []Header{{Name: "X-Key"}}}}},
	}}
	x := ExportWithheld(p, "")
	for _, want := range []string{"- COLOUR=${A_COLOUR}\n", "- COLOUR=${B_COLOUR}\n", "- TOKEN=${TOKEN}\n", "value: ${X_KEY}\n"} {
		if !strings.Contains(x.Text, want) {
			t.Errorf("no %q in\n%s", want, x.Text)
		}
	}
	if len(x.Variables) != 4 || strings.Contains(x.Text, "\x00") || strings.Contains(x.EnvTemplate(), "\x00") {
		t.Errorf("%+v\n%s", x.Variables, x.Text)
	}
	known := ExportPrefixed(p, "")
	if len(known.Variables) != 0 || !strings.Contains(known.Text, "- COLOUR=\n") {
		t.Errorf("values that are empty:\n%s", known.Text)
	}
}
