package main

import (
	"fmt"
	"strings"
	"text/template"
	"time"
)

// templateFuncs are what a --template can call beyond what Go's templates have.
var templateFuncs = template.FuncMap{
	"join":     joinItems,
	"json":     jsonText,
	"pluck":    pluck,
	"timeago":  timeAgo,
	"timefmt":  formatTime,
	"truncate": truncate,
}

// joinItems puts a text between the items of a list.
func joinItems(separator string, items []any) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = fmt.Sprint(item)
	}
	return strings.Join(texts, separator)
}

// jsonText is a value as compact JSON.
func jsonText(value any) (string, error) {
	var b strings.Builder
	err := jsonEncoder(&b).Encode(value)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// pluck takes one field of each item of a list.
func pluck(field string, items []any) []any {
	out := make([]any, len(items))
	for i, item := range items {
		if object, ok := item.(map[string]any); ok {
			out[i] = object[field]
		}
	}
	return out
}

// timeAgo is how long ago a time was; - for one that is not known.
func timeAgo(value any) (string, error) {
	at, err := parseTime(value)
	return age(at), err
}

// formatTime lays a time out as Go's time package does.
func formatTime(layout string, value any) (string, error) {
	at, err := parseTime(value)
	if err != nil || at.IsZero() {
		return "", err
	}
	return at.Format(layout), nil
}

// parseTime reads a time of a document; null is the zero time.
func parseTime(value any) (time.Time, error) {
	text, ok := value.(string)
	if !ok {
		return time.Time{}, nil
	}
	return time.Parse(time.RFC3339, text)
}

// truncate shortens a text to a number of characters.
func truncate(width int, text string) string {
	runes := []rune(text)
	if len(runes) <= width {
		return text
	}
	if width < 1 {
		return ""
	}
	return string(runes[:width-1]) + "…"
}
