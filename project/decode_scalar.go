package project

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
)

func textHint(at spot) string {
	if at.key != nil && at.key.name == "environment" {
		return "write NAME=value"
	}
	return "write one value"
}

func (d *decoder) text(n *node, v reflect.Value, at spot) {
	switch {
	case n.kind != scalarNode:
		d.wrong(n, at, "a text", textHint(at))
	case n.plain() && n.tag == "!!str" && !n.variable() && legacyBool(n.text) && !n.tagged():
		d.wrong(n, at, "a text", `put it in quotes: "`+n.text+`"`)
	default:
		v.SetString(n.text)
	}
}

func (d *decoder) boolean(n *node, v reflect.Value, at spot) {
	value, ok := parseBool(n.text)
	quoted := !n.plain() && !n.variable() && n.tag != "!!bool"
	switch {
	case n.kind != scalarNode || !ok:
		d.wrong(n, at, "true or false", "write true or false")
	case quoted:
		d.wrong(n, at, "true or false", "remove the quotes")
	default:
		v.SetBool(value)
	}
}

// parseBool reads a boolean of YAML 1.1.
func parseBool(text string) (value, ok bool) {
	switch {
	case slices.Contains(trueWords, text):
		return true, true
	case slices.Contains(falseWords, text):
		return false, true
	}
	return false, false
}

// The booleans of YAML 1.1.
var (
	trueWords  = strings.Fields("true True TRUE yes Yes YES on On ON y Y")
	falseWords = strings.Fields("false False FALSE no No NO off Off OFF n N")
)

// number returns the text of n if it may be read as a number: not in quotes,
// unless a variable stands there.
func (d *decoder) number(n *node, at spot, wanted string) (string, bool) {
	switch {
	case n.kind != scalarNode:
		d.wrong(n, at, wanted, "write a number")
	case n.variable(), n.tag == "!!int", n.tag == "!!float":
		return strings.ReplaceAll(n.text, "_", ""), true
	case !n.plain() && looksNumeric(n.text):
		d.wrong(n, at, wanted, "remove the quotes")
	default:
		d.wrong(n, at, wanted, unitHint(n.text, at))
	}
	return "", false
}

// unitHint says how to write what has a unit.
func unitHint(text string, at spot) string {
	if at.key == nil {
		return "write a number"
	}
	if length, err := time.ParseDuration(text); err == nil && strings.HasSuffix(at.key.name, "seconds") {
		return fmt.Sprintf("write seconds: %v", length.Seconds())
	}
	if size, err := units.RAMInBytes(text); err == nil && strings.HasSuffix(at.key.name, "memory") {
		return fmt.Sprintf("write MiB: %d", size>>20)
	}
	return "write a number"
}

func looksNumeric(text string) bool {
	_, err := strconv.ParseFloat(text, 64)
	return err == nil
}

func (d *decoder) integer(n *node, v reflect.Value, at spot) {
	if at.key != nil && at.key.duration && n.kind == scalarNode {
		d.duration(n, v, at)
		return
	}
	text, ok := d.number(n, at, "a whole number")
	if !ok {
		return
	}
	i, err := strconv.ParseInt(text, 0, 64)
	if err == nil {
		v.SetInt(i)
		return
	}
	f, err := strconv.ParseFloat(text, 64)
	switch {
	case err != nil && f == 0, math.IsNaN(f):
		d.wrong(n, at, "a whole number", "write a number")
	case f != math.Trunc(f) || math.IsInf(f, 0) && !strings.ContainsAny(text, "0123456789"):
		d.wrong(n, at, "a whole number", "write it without a fraction")
	case math.Abs(f) > unbounded:
		d.problem(n, at.path, ruleRange, fmt.Sprintf("the number %s is too large", n.show()), fmt.Sprintf("the largest is %d", unbounded))
		n.broken = true
	default:
		v.SetInt(int64(f))
	}
}

// duration reads seconds, which may be written as 10h or 1h30m. That there are
// none is said here, since later they would read as not written.
func (d *decoder) duration(n *node, v reflect.Value, at spot) {
	const wanted = "a duration or a number of seconds"
	text := n.text
	if looksNumeric(text) {
		text += "s"
	}
	length, err := time.ParseDuration(text)
	switch {
	case text != n.text && !n.plain() && !n.variable():
		d.wrong(n, at, wanted, "remove the quotes")
	case err != nil:
		d.wrong(n, at, wanted, "write a duration such as 10h or 90m, or seconds")
	case length <= 0:
		d.problem(n, at.path, ruleRange, at.key.name+" "+n.show()+" is no length of time", "write a duration such as 10h or 90m")
		n.broken = true
	case length%time.Second != 0:
		d.wrong(n, at, wanted, "write whole seconds")
	default:
		v.SetInt(int64(min(length/time.Second, unbounded)))
	}
}

func (d *decoder) float(n *node, v reflect.Value, at spot) {
	text, ok := d.number(n, at, "a number")
	if !ok {
		return
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		d.wrong(n, at, "a finite number", "write a number")
		return
	}
	v.SetFloat(f)
}
