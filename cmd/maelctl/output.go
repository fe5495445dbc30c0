package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/template"

	"github.com/itchyny/gojq"
	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"
)

// formatVersion is the version of the JSON documents: fields may be added,
// never renamed.
const formatVersion = "1.0"

// document is the result of a verb: a value for machines, a text for people.
type document struct {
	value any // a struct or map; format_version is added when printed

	// list is the key in value of the list that ndjson prints item by item and
	// that --json selects fields of; empty: value is one item itself.
	list string

	text func(w io.Writer) error
}

// outputFlags are the flags that say how a document is printed.
type outputFlags struct {
	format   string
	fields   []string
	jq       string
	template string
	more     []string // formats beyond the common four
}

func (o *outputFlags) register(cmd *cobra.Command, more ...string) {
	o.more = more
	formats := o.formats()
	flags := cmd.Flags()
	flags.StringVarP(&o.format, "output", "o", "text", "output format: "+strings.Join(formats, ", "))
	flags.StringSliceVar(&o.fields, "json", nil, "print JSON with these fields only, comma-separated")
	flags.StringVarP(&o.jq, "jq", "q", "", "filter the JSON by a jq expression")
	flags.StringVarP(&o.template, "template", "t", "", "format the JSON by a Go template")
	cobra.CheckErr(cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)))
}

func (o *outputFlags) formats() []string {
	return append([]string{"text", "json", "yaml", "ndjson"}, o.more...)
}

// validate checks the flags before any work is done.
func (o *outputFlags) validate() error {
	if !slices.Contains(o.formats(), o.format) {
		return usagef("--output %q is not one of %s", o.format, strings.Join(o.formats(), ", "))
	}
	if o.jq != "" && o.template != "" {
		return usagef("--jq and --template exclude each other")
	}
	return nil
}

// machine tells whether the output is for programs: no progress, no colour.
func (o *outputFlags) machine() bool {
	return o.format != "text" || len(o.fields) > 0 || o.jq != "" || o.template != ""
}

// print writes doc to w as the flags say.
func (o *outputFlags) print(w io.Writer, doc document) error {
	if !o.machine() {
		return doc.text(w)
	}
	value, err := generic(doc.value)
	if err != nil {
		return err
	}
	value["format_version"] = formatVersion
	switch {
	case len(o.fields) > 0:
		return o.printSelected(w, value, doc.list)
	case o.jq != "":
		return printJQ(w, value, o.jq)
	case o.template != "":
		return printTemplate(w, value, o.template)
	case o.format == "yaml":
		return printYAML(w, value)
	case o.format == "ndjson":
		return printLines(w, value, doc.list)
	}
	return printJSON(w, value)
}

// generic turns a value into what any JSON reader would see.
func generic(value any) (map[string]any, error) {
	data, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("encode output: %w", err)
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	out := map[string]any{}
	if err := decoder.Decode(&out); err != nil {
		return nil, fmt.Errorf("encode output: %w", err)
	}
	return out, nil
}

func printJSON(w io.Writer, value any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

func printLines(w io.Writer, value map[string]any, list string) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	if list == "" {
		return encoder.Encode(value)
	}
	items, _ := value[list].([]any)
	for _, item := range items {
		if err := encoder.Encode(item); err != nil {
			return err
		}
	}
	return nil
}

func printYAML(w io.Writer, value any) error {
	encoder := yaml.NewEncoder(w)
	encoder.SetIndent(2)
	if err := encoder.Encode(plainNumbers(value)); err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	return encoder.Close()
}

// plainNumbers turns json.Number into numbers, for encoders that would quote it.
func plainNumbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return int(n)
		}
		f, _ := v.Float64()
		return f
	case map[string]any:
		out := make(map[string]any, len(v))
		for key, element := range v {
			out[key] = plainNumbers(element)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, element := range v {
			out[i] = plainNumbers(element)
		}
		return out
	}
	return value
}

// printSelected prints the chosen fields of each item of the list, or of the
// document, then filtered or formatted.
func (o *outputFlags) printSelected(w io.Writer, value map[string]any, list string) error {
	var selected any
	if list == "" {
		item, err := pick(value, o.fields)
		if err != nil {
			return err
		}
		selected = item
	} else {
		items, _ := value[list].([]any)
		out := make([]any, 0, len(items))
		for _, item := range items {
			object, _ := item.(map[string]any)
			picked, err := pick(object, o.fields)
			if err != nil {
				return err
			}
			out = append(out, picked)
		}
		selected = out
	}
	switch {
	case o.jq != "":
		return printJQ(w, selected, o.jq)
	case o.template != "":
		return printTemplate(w, selected, o.template)
	}
	return printJSON(w, selected)
}

func pick(item map[string]any, fields []string) (map[string]any, error) {
	out := map[string]any{}
	for _, field := range fields {
		value, ok := item[field]
		if !ok {
			known := slices.Sorted(maps.Keys(item))
			return nil, usagef("--json: no field %q; there are %s", field, strings.Join(known, ", "))
		}
		out[field] = value
	}
	return out, nil
}

func printJQ(w io.Writer, value any, expression string) error {
	query, err := gojq.Parse(expression)
	if err != nil {
		return usagef("--jq: %w", err)
	}
	results := query.Run(plainNumbers(value))
	for {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, ok := result.(error); ok {
			return usagef("--jq: %w", err)
		}
		if text, ok := result.(string); ok {
			fmt.Fprintln(w, text)
			continue
		}
		line, err := gojq.Marshal(result)
		if err != nil {
			return fmt.Errorf("encode output: %w", err)
		}
		fmt.Fprintf(w, "%s\n", line)
	}
}

func printTemplate(w io.Writer, value any, text string) error {
	tmpl, err := template.New("output").Parse(text)
	if err != nil {
		return usagef("--template: %w", err)
	}
	if err := tmpl.Execute(w, plainNumbers(value)); err != nil {
		return usagef("--template: %w", err)
	}
	return nil
}
