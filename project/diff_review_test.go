package project

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// revision loads files by path.
func revision(files map[string]string) map[string]Loaded {
	out := map[string]Loaded{}
	for path, text := range files {
		out[path] = Load(Input{File: path, Data: []byte(text), Lookup: testLookup})
	}
	return out
}

const reviewedShop = "name: shop\ncomponents:\n  web:\n    image: web:1\n    maxconcurrency: 2\n    environment:\n      - A=1\n      - TOKEN=one\n    crontab: |\n      0 3 * * * /a\n  old:\n    image: old:1\n"

func TestCompare(t *testing.T) {
	base := revision(map[string]string{
		"shop.yml":   reviewedShop,
		"gone.yml":   "name: gone\ncomponents: {web: {image: a, maxconcurrency: 2}}\n",
		"same.yml":   "name: same\ncomponents: {web: {image: a}}\n",
		"broken.yml": "name: broken\ncomponents: {web: {image: a, maxconcurrency: 2}}\n",
		"healed.yml": "name: healed\ncomponents: {web: {imag: a}}\n",
	})
	head := revision(map[string]string{
		"shop.yml":     "name: shop\ncomponents:\n  web:\n    image: web:2\n    maxconcurrency: 2\n    environment:\n      - TOKEN=two\n    crontab: |\n      TZ=Europe/Berlin 0 4 * * * /a\n",
		"moved/it.yml": "# moved\nname: same\ncomponents: {web: {image: a}}\n",
		"broken.yml":   "name: broken\ncomponents: {web: {imag: a}}\n",
		"healed.yml":   "name: healed\ncomponents: {web: {image: a, maxconcurrency: 2}}\n",
		"new.yml":      "name: new\ncomponents: {web: {image: a, maxconcurrency: 2, eventsources: {h: {http: {hostname: a.test}}}}}\n",
		"rival.yml":    "name: rival\ncomponents: {web: {image: a, maxconcurrency: 2, eventsources: {h: {http: {hostname: A.test}}}}}\n",
	})
	r := Compare(base, head)
	var got []string
	for _, p := range r.Projects {
		got = append(got, fmt.Sprintf("%s %s %s", p.Status, p.Project, p.File))
	}
	want := []string{"removed gone gone.yml", "added healed healed.yml", "added new new.yml", "added rival rival.yml", "changed shop shop.yml"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if r.Summary.Invalid != 2 || r.Valid() {
		t.Errorf("%d invalid", r.Summary.Invalid)
	}
	text := problemText(r.Problems)
	for _, want := range []string{"MAEL009 error broken.yml:2:20:", "MAEL043 error rival.yml:2:", "(new.yml:2)"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, text)
		}
	}
}

func TestWhatIsGonePointsIntoTheOldRevision(t *testing.T) {
	base := revision(map[string]string{"old.yml": reviewedShop})
	head := revision(map[string]string{"new.yml": "name: shop\ncomponents:\n  web:\n    image: web:1\n    maxconcurrency: 2\n"})
	r := Compare(base, head)
	if len(r.Projects) != 1 {
		t.Fatal(r.Projects)
	}
	c := r.Projects[0].Components
	if o := c.Removed[0]; o.Name != "shop_old" || o.File != "old.yml" || o.Line != 11 || o.Side != SideOld {
		t.Errorf("the removed component is %+v", o)
	}
	if f := c.Updated[0].Changes[0]; f.Field != "environment[A]" || f.File != "old.yml" || f.Line != 7 || f.Side != SideOld {
		t.Errorf("the removed variable is %+v", f)
	}
	var b bytes.Buffer
	if err := r.Text(&b, false); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"shop changed  new.yml\n", "component shop_old (old:1)  old.yml:11, before\n", "environment[A]: 1 -> (none)  old.yml:7, before\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
}

func TestOldWarningsAreNoNews(t *testing.T) {
	text := "name: s\ncomponents: {web: {image: a}}\n"
	r := Compare(revision(map[string]string{"s.yml": text}), revision(map[string]string{"s.yml": "#\n" + text}))
	if len(r.Problems) != 0 || !r.Empty() || !r.Valid() {
		t.Errorf("%+v", r)
	}
	r = Compare(nil, revision(map[string]string{"s.yml": text}))
	if len(r.Problems) != 1 || r.Problems[0].Rule != ruleConcurrency || !r.Valid() {
		t.Errorf("%+v", r.Problems)
	}
}

func TestReviewMarkdown(t *testing.T) {
	base := revision(map[string]string{"shop.yml": reviewedShop, "bad.yml": "name: bad\ncomponents: {web: {image: a}}\n"})
	head := revision(map[string]string{
		"shop.yml": strings.NewReplacer("web:1", "web:2", "TOKEN=one", "TOKEN=two", "0 3 * * *", "TZ=Europe/Berlin 0 4 * * *").Replace(reviewedShop),
		"add.yml":  "name: add\ncomponents: {web: {image: a, maxconcurrency: 2}}\n",
		"bad.yml":  "name: bad\ncomponents: {<b>: {}}\n",
	})
	r := Compare(base, head)
	r.Base, r.Head = "main", "feature"
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Projects {
		r.Projects[i].Preview(func(string) []time.Time { return []time.Time{time.Date(2026, 1, 2, 4, 0, 0, 0, berlin)} })
	}
	var b bytes.Buffer
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"## Changes from `main` to `feature`\n", "**Projects: 1 added, 1 changed, 0 removed. Plan: 1 to add, 2 to change (1 restart), 0 to remove. Not valid: 1**",
		"- **error** `bad.yml:2:14`", "&lt;b&gt;", "### Project `shop` changed", "`image`: `web:1` → `web:2` — shop.yml:4",
		"(sensitive, changed) #", "fires next: Fri 2026-01-02 04:00:00 +01:00 (Europe/Berlin)", "### Project `add` added",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%s", want, b.String())
		}
	}
	if strings.Index(b.String(), "Project `shop`") > strings.Index(b.String(), "Project `add`") {
		t.Error("an addition stands before a restart")
	}
}

// The worst of all projects is shown whatever else there is, and what is left
// out is named.
func TestReviewMarkdownIsBounded(t *testing.T) {
	r := Review{Base: "a", Head: "b"}
	for i := range 1000 {
		p := ProjectReview{Status: ReviewChanged, Changes: Changes{Project: fmt.Sprintf("p%d", i)}}
		for j := range 20 {
			p.Components.Added = append(p.Components.Added, ObjectChange{Name: fmt.Sprintf("p%d_c%d", i, j), Impact: ImpactAddition, Detail: strings.Repeat("ü", 100)})
		}
		if i == 999 {
			p.Components.Removed = []ObjectChange{{Name: "p999_gone", Impact: ImpactRemoval}}
		}
		r.Projects = append(r.Projects, p)
		r.Problems = append(r.Problems, Problem{Severity: Error, File: "f", Message: strings.Repeat("m", 400)})
	}
	var b bytes.Buffer
	if err := r.Markdown(&b); err != nil {
		t.Fatal(err)
	}
	if b.Len() > markdownLimit {
		t.Errorf("%d bytes", b.Len())
	}
	for _, want := range []string{"p999_gone", "more, not shown: this comment would be too long. Nothing is shown of `p", "more projects\n", "more problems, not shown", "more, not shown.\n"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("%q is missing in\n%.3000s", want, b.String())
		}
	}
}

// hostile draws a text such as nobody should be able to break a comment with.
var hostile = rapid.OneOf(
	rapid.String(),
	rapid.SampledFrom([]string{
		"</details>", "<img src=x onerror=alert(1)>", "a|b|c\n---|---|---", "```\n# big", "`", "``` `", "\\`", "@everyone", "[x](http://evil.test)",
		"![x](https://evil.test/a.png)", "https://evil.test", "#1", "*bold* _it_ ~~no~~", "\r\n\r\n# head", "\u2028# head", "<!--", "&lt;b&gt;", " x ", "",
		strings.Repeat("`<", 300), strings.Repeat("\x00", 300), "\xff\xfe",
	}),
	rapid.StringMatching("[`<>|*_\\\\\n#@!\\[\\]a ]{0,40}"),
)

func drawChanges(t *rapid.T) Changes {
	text := func(label string) string { return hostile.Draw(t, label) }
	object := func(impact Impact) ObjectChange {
		o := ObjectChange{Name: text("name"), Impact: impact, Detail: text("detail"), File: text("file"), Side: SideOld, Zone: text("zone"), Next: []time.Time{{}}}
		for range rapid.IntRange(0, 3).Draw(t, "fields") {
			o.Changes = append(o.Changes, Change{Field: text("field"), Old: text("old"), New: text("new"), File: text("at"), Impact: impact})
		}
		return o
	}
	c := Changes{Project: text("project"), Notes: rapid.SliceOfN(hostile, 0, 2).Draw(t, "notes")}
	for range rapid.IntRange(0, 3).Draw(t, "objects") {
		c.Components.Added = append(c.Components.Added, object(ImpactAddition))
		c.Components.Updated = append(c.Components.Updated, object(ImpactRestart))
		c.EventSources.Removed = append(c.EventSources.Removed, object(ImpactRemoval))
	}
	return c
}

func TestMarkdownHoldsAnyText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Review{Base: hostile.Draw(t, "base"), Head: hostile.Draw(t, "head")}
		for range rapid.IntRange(0, 3).Draw(t, "projects") {
			r.Projects = append(r.Projects, ProjectReview{Status: ReviewChanged, Changes: drawChanges(t)})
		}
		for range rapid.IntRange(0, 3).Draw(t, "problems") {
			r.Problems = append(r.Problems, Problem{Severity: Error, Rule: "MAEL001", File: hostile.Draw(t, "file"), Message: hostile.Draw(t, "message"), Path: hostile.Draw(t, "path"), Hint: hostile.Draw(t, "hint")})
		}
		var b bytes.Buffer
		if err := r.Markdown(&b); err != nil {
			t.Fatal(err)
		}
		checkMarkdown(t, b.String())
	})
}

// markdownLine is how a line of a comment begins.
var markdownLine = regexp.MustCompile("^(|## Changes from `.*|### Project `.*|### Problems|\\*\\*[A-Z].*\\*\\*|> .*|- `.*|- \\*\\*(error|warning)\\*\\* `.*|  - .*|… and .*)$")

// checkMarkdown holds a comment to what no text in it may break: its size, its
// lines, and that outside of code nothing has a meaning but what we wrote.
func checkMarkdown(t interface {
	Helper()
	Fatalf(string, ...any)
}, text string) {
	t.Helper()
	if len(text) > markdownLimit || !utf8.ValidString(text) {
		t.Fatalf("%d bytes, valid UTF-8: %v", len(text), utf8.ValidString(text))
	}
	for line := range strings.SplitSeq(text, "\n") {
		if !markdownLine.MatchString(line) || strings.ContainsAny(line, "\r\t\v\f\u0085\u2028\u2029") {
			t.Fatalf("a line that nobody wrote: %q in\n%s", line, text)
		}
		prose, ok := withoutCode(line)
		if !ok {
			t.Fatalf("a code span has no end in %q", line)
		}
		prose = strings.NewReplacer(`\\`, "", "\\`", "", `\*`, "", `\_`, "", `\~`, "", `\[`, "", `\]`, "", `\!`, "", `\|`, "", `\#`, "", "@\u200b", "").Replace(prose)
		prose = strings.TrimPrefix(strings.TrimPrefix(prose, "### "), "## ")
		prose = strings.ReplaceAll(strings.TrimPrefix(prose, "> "), "**", "")
		if i := strings.IndexAny(prose, "`<>*_~[]!|#@\\"); i >= 0 || strings.Contains(prose, "://") {
			t.Fatalf("%q has a meaning in %q", prose, line)
		}
	}
}

// withoutCode cuts the code spans out of a line, as CommonMark finds them.
func withoutCode(line string) (string, bool) {
	var prose strings.Builder
	for i := 0; i < len(line); {
		switch {
		case line[i] == '\\' && i+1 < len(line):
			prose.WriteString(line[i : i+2])
			i += 2
		case line[i] != '`':
			prose.WriteByte(line[i])
			i++
		default:
			n := runLength([]byte(line[i:]), func(c byte) bool { return c == '`' })
			end := i + n
			for {
				next := strings.IndexByte(line[end:], '`')
				if next < 0 {
					return "", false
				}
				end += next
				m := runLength([]byte(line[end:]), func(c byte) bool { return c == '`' })
				if end += m; m == n {
					break
				}
			}
			i = end
		}
	}
	return prose.String(), true
}

func FuzzMarkdown(f *testing.F) {
	f.Add("shop", "a`b", "<img>", "|x|")
	f.Fuzz(func(t *testing.T, project, name, value, message string) {
		c := Changes{Project: project, Notes: []string{message}, Components: ObjectChanges{
			Updated: []ObjectChange{{Name: name, Impact: ImpactRestart, File: value, Changes: []Change{{Field: name, Old: value, New: message, File: project}}}},
			Removed: []ObjectChange{{Name: value, Impact: ImpactRemoval, Detail: name, File: message}},
		}}
		r := Review{Base: value, Head: message, Projects: []ProjectReview{{Status: ReviewChanged, Changes: c}},
			Problems: []Problem{{Severity: Error, File: name, Path: value, Message: message, Hint: project}}}
		var b bytes.Buffer
		if err := r.Markdown(&b); err != nil {
			t.Fatal(err)
		}
		checkMarkdown(t, b.String())
	})
}
