package main

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/template"

	"github.com/itchyny/gojq"
	"github.com/spf13/cobra"
)

// formatVersion is the version of the JSON documents: fields may be added,
// never renamed.
const formatVersion = "1.0"

// The formats of every verb that prints a document.
const (
	formatText   = "text"
	formatJSON   = "json"
	formatYAML   = "yaml"
	formatNDJSON = "ndjson"
)

// document is the result of a verb: a value for machines, a text for people.
type document struct {
	value any // a struct or map; format_version is added when printed

	// list is the key in value of the list that ndjson prints item by item and
	// that --json selects fields of; empty: value is one item itself.
	list string

	// foreign is a document whose form others have laid down: it gets no
	// format_version.
	foreign bool

	text func(w io.Writer) error
}

// outputFlags are the flags that say how a document is printed.
type outputFlags struct {
	format   string
	fields   []string
	jq       string
	template string
	more     []string // formats beyond the common four

	away   *awayNote          // what is known of the database by the time of printing
	query  *gojq.Code         // jq, once checked
	layout *template.Template // template, once checked
}

// register adds the flags to cmd, and has them checked before it runs: what is
// wrong with them must not come after something was done.
func (o *outputFlags) register(cmd *cobra.Command, more ...string) {
	o.more = more
	formats := o.formats()
	flags := cmd.Flags()
	flags.StringVarP(&o.format, "output", "o", formatText, "output format: "+strings.Join(formats, ", "))
	flags.StringSliceVar(&o.fields, "json", nil, "print JSON with these fields only, comma-separated")
	flags.StringVarP(&o.jq, "jq", "q", "", "filter the JSON by a jq expression; with ndjson each line")
	flags.StringVarP(&o.template, "template", "t", "", "format the JSON by a Go template; with ndjson each line")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)))
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error {
		o.away = awayNoteOf(cmd.Context())
		return o.check()
	}
}

// registerFormat accepts --format, another name of --output.
func (o *outputFlags) registerFormat(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.format, "format", formatText, "")
	cobra.CheckErr(cmd.Flags().MarkHidden("format"))
}

func (o *outputFlags) formats() []string {
	return append([]string{formatText, formatJSON, formatYAML, formatNDJSON}, o.more...)
}

// check refuses flags that can't be followed.
func (o *outputFlags) check() error {
	if !slices.Contains(o.formats(), o.format) {
		return usagef("--output %q is not one of %s", o.format, strings.Join(o.formats(), ", "))
	}
	if o.jq != "" && o.template != "" {
		return usagef("--jq and --template exclude each other")
	}
	if slices.Contains(o.more, o.format) && o.shaped() {
		return usagef("--json, --jq and --template work on JSON, not on --output %s", o.format)
	}
	for i, field := range o.fields {
		o.fields[i] = strings.TrimSpace(field)
	}
	var err error
	if o.jq != "" {
		if o.query, err = parseQuery(o.jq); err != nil {
			return err
		}
	}
	if o.template != "" {
		if o.layout, err = template.New("output").Funcs(templateFuncs).Parse(o.template); err != nil {
			return usagef("--template: %w", err)
		}
	}
	return nil
}

// shaped tells whether a part or another form of the JSON is asked for.
func (o *outputFlags) shaped() bool { return len(o.fields) > 0 || o.jq != "" || o.template != "" }

// machine tells whether the output is for programs: no progress, no colour.
func (o *outputFlags) machine() bool { return o.format != formatText || o.shaped() }

// print writes doc to w as the flags say, all of it or, after an error,
// nothing.
func (o *outputFlags) print(w io.Writer, doc document) error {
	var b bytes.Buffer
	if err := o.render(&b, doc); err != nil {
		return err
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// shape prints value as an expression or a template makes it: of ndjson each
// line.
func (o *outputFlags) shape(w io.Writer, value any, list string) error {
	values := []any{value}
	if o.format == formatNDJSON {
		values = itemsOf(value, list)
	}
	for _, one := range values {
		err := error(nil)
		if o.query != nil {
			err = printQuery(w, o.query, one)
		} else {
			err = printTemplate(w, o.layout, one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (o *outputFlags) render(w io.Writer, doc document) error {
	if !o.machine() {
		return doc.text(w)
	}
	object, err := generic(doc.value)
	if err != nil {
		return err
	}
	if !doc.foreign {
		object["format_version"] = formatVersion
		if away := o.away.told(); away != nil {
			object["database"] = away
		}
	}
	value := any(object)
	if len(o.fields) > 0 {
		if value, err = selectFields(object, doc, o.fields); err != nil {
			return err
		}
	}
	switch {
	case o.query != nil || o.layout != nil:
		return o.shape(w, value, doc.list)
	case o.format == formatYAML:
		return printYAML(w, value)
	case o.format == formatNDJSON:
		return printLines(w, value, doc.list)
	}
	return printJSON(w, value)
}
