package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

type fruit struct {
	Name  string   `json:"name"`
	Count int      `json:"count"`
	Price float64  `json:"price"`
	Tags  []string `json:"tags"`
}

type basket struct {
	Owner  string  `json:"owner"`
	Count  int     `json:"count"` // also a field of a fruit
	Fruits []fruit `json:"fruits"`
}

func fruits() document {
	return document{
		value: basket{Owner: "ann", Count: 2, Fruits: []fruit{
			{Name: "apple", Count: 3, Price: 0.5, Tags: []string{"red"}}, {Name: "fig <&>", Count: 1 << 53, Tags: []string{}},
		}},
		list: "fruits",
		text: func(w io.Writer) error {
			_, err := fmt.Fprintln(w, "a basket")
			return err
		},
	}
}

// printed is what a document looks like with some flags, or the exit code.
func printed(doc document, args ...string) string {
	var out outputFlags
	var b bytes.Buffer
	cmd := &cobra.Command{RunE: func(*cobra.Command, []string) error { return out.print(&b, doc) }}
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	out.register(cmd, "md")
	cmd.SetArgs(append([]string{}, args...)) // nil would mean those of the test
	if err := cmd.Execute(); err != nil {
		return fmt.Sprintf("exit %d", exitCode(err))
	}
	return b.String()
}

func TestDocumentsAreShapedByFlags(t *testing.T) {
	tests := map[string]struct {
		flags []string
		want  string
	}{
		"text":                {nil, "a basket\n"},
		"items a line":        {[]string{"-o", "ndjson"}, `{"count":3,"name":"apple","price":0.5,"tags":["red"]}` + "\n" + `{"count":9007199254740992,"name":"fig <&>","price":0,"tags":[]}` + "\n"},
		"fields of items":     {[]string{"--json", "name,count", "-o", "ndjson"}, `{"count":3,"name":"apple"}` + "\n" + `{"count":9007199254740992,"name":"fig <&>"}` + "\n"},
		"fields of document":  {[]string{"--json", "owner,count", "-o", "ndjson"}, `{"count":2,"owner":"ann"}` + "\n"},
		"a name of both":      {[]string{"--json", "count", "-o", "ndjson"}, `{"count":3}` + "\n" + `{"count":9007199254740992}` + "\n"},
		"no such field":       {[]string{"--json", "nope"}, "exit 64"},
		"query":               {[]string{"-q", ".fruits[].name"}, "apple\nfig <&>\n"},
		"query of fields":     {[]string{"--json", "name", "-q", "map(.name)"}, `["apple","fig <&>"]` + "\n"},
		"query of big number": {[]string{"-q", ".fruits[1].count"}, "9007199254740992\n"},
		"query that stops":    {[]string{"-q", "1,halt,2"}, "1\n"},
		"query that fails":    {[]string{"-q", "1,error"}, "exit 64"},
		"template":            {[]string{"-t", "{{range.fruits}}{{.name}}:{{.count}};{{end}}"}, "apple:3;fig <&>:9007199254740992;"},
		"template functions":  {[]string{"-t", `{{join ", " (pluck "name" .fruits)}} {{json (index .fruits 0).tags}}`}, `apple, fig <&> ["red"]`},
		"template that fails": {[]string{"-t", "{{index .fruits 9}}"}, "exit 64"},
		"yaml of fields":      {[]string{"--json", "name,price", "-o", "yaml"}, "- name: apple\n  price: 0.5\n- name: fig <&>\n  price: 0\n"},
		"version":             {[]string{"-q", ".format_version"}, "1.0\n"},
		"unknown format":      {[]string{"-o", "xml"}, "exit 64"},
		"query of markdown":   {[]string{"-o", "md", "-q", "."}, "exit 64"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, printed(fruits(), test.flags...)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// The fields of an empty list are known all the same.
func TestFieldsOfAnEmptyList(t *testing.T) {
	doc := document{value: basket{Fruits: []fruit{}}, list: "fruits"}
	if got := printed(doc, "--json", "name, tags"); got != "[]\n" {
		t.Errorf("printed %q", got)
	}
	if got := printed(doc, "--json", "name", "--jq", "length"); got != "0\n" {
		t.Errorf("printed %q", got)
	}
	if got := printed(doc, "--json", "nope"); got != "exit 64" {
		t.Errorf("printed %q", got)
	}
}

func TestNothingIsPrintedOfWhatFails(t *testing.T) {
	var out outputFlags
	var b bytes.Buffer
	out.format = formatText
	failure := errors.New("no more")
	err := out.print(&b, document{text: func(w io.Writer) error {
		fmt.Fprintln(w, "half")
		return failure
	}})
	if !errors.Is(err, failure) || b.Len() > 0 {
		t.Errorf("error %v, printed %q", err, &b)
	}
}

func TestWriteErrorsAreTold(t *testing.T) {
	full := writerFunc(func([]byte) (int, error) { return 0, errors.New("disk is full") })
	out := outputFlags{format: formatJSON}
	if err := out.print(full, fruits()); err == nil || exitCode(err) != exitInternal {
		t.Errorf("error %v", err)
	}
}

func TestTimesInTemplates(t *testing.T) {
	at := time.Now().Add(-3 * time.Hour).UTC().Format(time.RFC3339)
	if got, err := timeAgo(at); got != "3h" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := timeAgo(nil); got != "-" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := timeAgo("yesterday"); err == nil {
		t.Error("yesterday is a time")
	}
	if got, err := formatTime("2006", at); got != at[:4] || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	if got, err := formatTime("2006", nil); got != "" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestTruncate(t *testing.T) {
	for _, test := range []struct {
		width      int
		text, want string
	}{{5, "short", "short"}, {4, "naïve", "naï…"}, {1, "long", "…"}, {0, "long", ""}, {-1, "long", ""}} {
		if got := truncate(test.width, test.text); got != test.want {
			t.Errorf("truncate(%d, %q) = %q, want %q", test.width, test.text, got, test.want)
		}
	}
}
