package main

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// selectFields reduces a document to the given fields: those of each item of
// its list, or its own where the items have none of that name.
func selectFields(object map[string]any, doc document, fields []string) (any, error) {
	items, own := itemFields(doc.value, doc.list), slices.Sorted(maps.Keys(object))
	known := own
	if doc.list != "" && (containsAll(items, fields) || !containsAll(own, fields)) {
		known = items
	}
	for _, field := range fields {
		if !slices.Contains(known, field) {
			return nil, usagef("--json: no field %q; there are %s", field, strings.Join(known, ", "))
		}
	}
	if doc.list == "" || !containsAll(items, fields) {
		return pick(object, fields), nil
	}
	list, _ := object[doc.list].([]any)
	picked := make([]any, len(list))
	for i, item := range list {
		one, _ := item.(map[string]any)
		picked[i] = pick(one, fields)
	}
	return picked, nil
}

// pick keeps the given fields; one that an item leaves out is null.
func pick(item map[string]any, fields []string) map[string]any {
	out := make(map[string]any, len(fields))
	for _, field := range fields {
		out[field] = item[field]
	}
	return out
}

func containsAll(known, fields []string) bool {
	return !slices.ContainsFunc(fields, func(field string) bool { return !slices.Contains(known, field) })
}

// itemFields are the names that the items of a list have in JSON, sorted. They
// are read from the types: the list may be empty.
func itemFields(value any, list string) []string {
	t := elementType(reflect.TypeOf(value))
	if list == "" || t.Kind() != reflect.Struct {
		return nil
	}
	items, ok := jsonFields(t)[list]
	if !ok {
		return nil
	}
	return slices.Sorted(maps.Keys(jsonFields(elementType(items))))
}

// elementType is t without pointers and lists around it.
func elementType(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	return t
}

// jsonFields are the fields of a struct by their names in JSON.
func jsonFields(t reflect.Type) map[string]reflect.Type {
	fields := map[string]reflect.Type{}
	for _, field := range reflect.VisibleFields(t) {
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name != "" && name != "-" && field.IsExported() {
			fields[name] = field.Type
		}
	}
	return fields
}
