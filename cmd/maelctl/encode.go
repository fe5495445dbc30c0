package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"text/template"

	"github.com/itchyny/gojq"
	"gopkg.in/yaml.v3"
)

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

func jsonEncoder(w io.Writer) *json.Encoder {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	return encoder
}

func printJSON(w io.Writer, value any) error {
	encoder := jsonEncoder(w)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// itemsOf is a list, or the one that a document has, by its items; anything
// else is an item by itself.
func itemsOf(value any, list string) []any {
	if object, ok := value.(map[string]any); ok && list != "" {
		if items, ok := object[list].([]any); ok {
			value = items
		}
	}
	if items, ok := value.([]any); ok {
		return items
	}
	return []any{value}
}

// printLines prints the items of a document, each on a line.
func printLines(w io.Writer, value any, list string) error {
	encoder := jsonEncoder(w)
	for _, item := range itemsOf(value, list) {
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
		f, _ := v.Float64() // it was a number when it was decoded
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

func parseQuery(expression string) (*gojq.Code, error) {
	query, err := gojq.Parse(expression)
	if err != nil {
		return nil, usagef("--jq: %w", err)
	}
	code, err := gojq.Compile(query)
	if err != nil {
		return nil, usagef("--jq: %w", err)
	}
	return code, nil
}

// printQuery prints each result on a line, a text without its quotes.
func printQuery(w io.Writer, code *gojq.Code, value any) error {
	results := code.Run(plainNumbers(value))
	for {
		result, ok := results.Next()
		if !ok {
			return nil
		}
		if err, ok := result.(error); ok {
			var halt *gojq.HaltError
			if errors.As(err, &halt) && halt.Value() == nil {
				return nil
			}
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

func printTemplate(w io.Writer, layout *template.Template, value any) error {
	if err := layout.Execute(w, plainNumbers(value)); err != nil {
		return usagef("--template: %w", err)
	}
	return nil
}
