package project

import (
	"cmp"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// decoder fills Go values from nodes and reports every value that does not
// fit. What it reports, it marks broken, so that no later check speaks about
// the zero that stays behind.
type decoder struct {
	report    func(Problem)
	unsetRule string // of a variable that is not set
	suggested int    // keys for which the nearest name was looked up
}

func (d *decoder) problem(n *node, path, rule, message, hint string) {
	p := n.src.problem(rule, n.line, n.column, message, hint)
	p.Path, p.EndLine = path, n.endLine
	d.report(p)
}

// wrong reports n as being of another type than wanted.
func (d *decoder) wrong(n *node, at spot, wanted, hint string) {
	d.problem(n, at.path, ruleType, fmt.Sprintf("%s is wanted here, not %s", wanted, n.described(at.secret())), hint)
	n.broken = true
}

// spot is where a value belongs: its path as written, and its key.
type spot struct {
	path string
	key  *shapeKey
}

func (s spot) secret() bool { return s.key != nil && s.key.key.secret }

func (s spot) crontab() bool { return s.key != nil && s.key.name == "crontab" }

// word is what may stand for an empty list.
func (s spot) word() string {
	if s.key == nil {
		return ""
	}
	return s.key.key.word
}

func (s spot) index(i int) spot { return spot{s.path + "[" + strconv.Itoa(i) + "]", s.key} }

// value decodes n into v.
func (d *decoder) value(n *node, v reflect.Value, at spot) {
	if v.Kind() == reflect.Pointer { // written, whatever is wrong with it
		v.Set(reflect.New(v.Type().Elem()))
		v = v.Elem()
	}
	if n.broken || !d.variablesSet(n, at) {
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, at)
	case reflect.Map:
		d.mapping(n, v, at)
	case reflect.Slice:
		d.list(n, v, at)
	case reflect.String:
		d.text(n, v, at)
	case reflect.Bool:
		d.boolean(n, v, at)
	case reflect.Float64:
		d.float(n, v, at)
	default:
		d.integer(n, v, at)
	}
}

// variablesSet reports the variables of n that are not set; unless those are
// allowed, the value of n is not looked at.
func (d *decoder) variablesSet(n *node, at spot) bool {
	if at.crontab() { // its lines are looked at one by one
		return true
	}
	for _, u := range n.unset {
		rule := u.rule(d.unsetRule)
		d.problem(n, at.path, rule, u.describe(), u.hint())
		n.broken = n.broken || rule == ruleUnset
	}
	return !n.broken
}

func (d *decoder) structure(n *node, v reflect.Value, at spot) {
	if n.kind != mapNode {
		d.wrong(n, at, "a mapping", "write keys below it: "+strings.Join(shapes[v.Type()].names[:2], ", ")+", ...")
		return
	}
	s := shapes[v.Type()]
	for _, p := range n.pairs {
		path := joinPath(at.path, p.key.raw())
		k := s.byName[p.key.text]
		switch {
		case k == nil:
			d.unknownKey(p.key, path, s)
		case p.value.null() && d.variablesSet(p.value, spot{path, k}): // counts as not written
		default:
			d.value(p.value, v.FieldByIndex(k.index), spot{path, k})
		}
	}
}

func (d *decoder) unknownKey(key *node, path string, s *shape) {
	hint := "remove it; the JSON Schema that `maelctl schema` prints knows every key"
	if near := d.suggest(key.text, s); near != "" {
		hint = "write " + near
	} else if place := whereKey(key.text, s); place != "" {
		hint = key.text + " belongs " + place
	} else if len(s.names) < 10 {
		hint = "keys here are " + strings.Join(s.names, ", ")
	}
	d.problem(key, path, ruleUnknownKey, "unknown key "+quote(key.raw()), hint)
}

// suggest is the key of s that was most likely meant by name, "" if none was.
// A file with very many unknown keys is no maelstrom.yml, and gets no more.
func (d *decoder) suggest(name string, s *shape) string {
	const most = 500
	if d.suggested++; d.suggested > most {
		return ""
	}
	return cmp.Or(s.meaning(name), Nearest(name, s.names))
}

// otherNames are words that files of other systems use for a key.
var otherNames = map[string]string{
	"env": "environment", "cmd": "command", "args": "command", "port": "httpport",
	"memory": "reservememory", "mem_limit": "limitmemory", "mem_reservation": "reservememory",
	"cpu_shares": "cpushares", "env_file": "envfile", "cap_add": "capadd", "cap_drop": "capdrop",
	"network": "networkname", "network_mode": "networkname", "cron": "crontab", "services": "components",
	"init": "containerinit", "replicas": "mininstances", "timeout": "maxdurationseconds",
}

// meaning is the key of s that another system calls name, "" if there is none.
func (s *shape) meaning(name string) string {
	if key := otherNames[name]; s.byName[key] != nil {
		return key
	}
	return ""
}

// whereKey tells under which mapping a key that is misplaced belongs: rather
// one below the mapping it was found in.
func whereKey(name string, found *shape) string {
	where, below := "", false
	for _, p := range keyPlaces {
		s := shapes[p.shape]
		if _, ok := s.byName[name]; ok && (where == "" || below) {
			where = p.where
			if below {
				break
			}
		}
		below = below || s == found
	}
	return where
}

var keyPlaces = []struct {
	shape reflect.Type
	where string
}{
	{reflect.TypeFor[fileProject](), "at the top of the file"},
	{reflect.TypeFor[fileComponent](), "under components.<name>"},
	{reflect.TypeFor[WakeRule](), "under wake of a component"},
	{reflect.TypeFor[AwakeWindow](), "under awake of a component"},
	{reflect.TypeFor[EventSource](), "under components.<name>.eventsources.<name>"},
	{reflect.TypeFor[HTTPSource](), "under http of an event source"},
	{reflect.TypeFor[CronSource](), "under cron of an event source"},
	{reflect.TypeFor[CronHTTP](), "under cron.http of an event source"},
	{reflect.TypeFor[SQSSource](), "under sqs of an event source"},
	{reflect.TypeFor[AWSStepFuncSource](), "under awsstepfunc of an event source"},
}

func (d *decoder) mapping(n *node, v reflect.Value, at spot) {
	if n.kind != mapNode {
		d.wrong(n, at, "a mapping", "write name: value pairs below it")
		return
	}
	v.Set(reflect.MakeMapWithSize(v.Type(), len(n.pairs)))
	texts := v.Type().Elem().Kind() == reflect.String
	for _, p := range n.pairs {
		path := joinPath(at.path, p.key.raw())
		d.keyText(p.key, path)
		null := p.value.null() && d.variablesSet(p.value, spot{path, at.key})
		if p.value.removed || texts && null {
			continue
		}
		element := reflect.New(v.Type().Elem()).Elem()
		if null { // a name alone: nothing is written below it
			element.Set(reflect.New(element.Type().Elem()))
		} else {
			d.value(p.value, element, spot{path, at.key})
		}
		v.SetMapIndex(reflect.ValueOf(p.key.text), element)
	}
}

// keyText refuses a name that half of all YAML readers take for a boolean.
func (d *decoder) keyText(key *node, path string) {
	if key.plain() && !key.variable() && key.tag != "!!merge" && legacyBool(key.text) {
		d.problem(key, path, ruleType, "the name "+quote(key.text)+" reads as a boolean", `put it in quotes: "`+key.text+`"`)
	}
}

func (d *decoder) list(n *node, v reflect.Value, at spot) {
	if n.kind != listNode {
		word := at.word()
		switch {
		case word == "":
			d.wrong(n, at, "a list", listHint(n))
		case n.kind != scalarNode || n.text != word:
			d.wrong(n, at, "the word "+word+" or a list", "write "+word+", or - items below the key")
		}
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(n.items), len(n.items)))
	for i, item := range n.items {
		if item.null() && !item.broken && !item.variable() {
			d.problem(item, at.index(i).path, ruleEmptyItem, "a list item without a value", `remove it, or write "" for an empty text`)
			item.broken = true
			continue
		}
		d.value(item, v.Index(i), at.index(i))
	}
}

func listHint(n *node) string {
	switch {
	case n.kind == mapNode:
		return "write a list: - item, or for an environment - NAME=value"
	case n.variable():
		return "a variable stands for one text; write the list out, [${A}, ${B}]"
	}
	return "write it in brackets, [a, b], or as - items below the key"
}
