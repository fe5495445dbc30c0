package project

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// ValidateComponent checks a component that did not come from a file; the
// problems carry no position and paths relative to the component.
func ValidateComponent(c *Component) []Problem {
	var problems []Problem
	check := standalone(&problems)
	checkName(check, "name", c.Name)
	checkNameLength(check, "name", FullName(c.Project, c.Name))
	for i, v := range c.Environment {
		checkEnvName(check, index("environment", i), v.Name)
	}
	checkComponent(check, c)
	return problems
}

// ValidateEventSource checks an event source that did not come from a file;
// the problems carry no position and paths relative to the event source.
func ValidateEventSource(e *EventSource) []Problem {
	var problems []Problem
	check := standalone(&problems)
	checkName(check, "name", e.Name)
	checkNameLength(check, "name", FullName(e.Project, e.Name))
	if e.Component == "" {
		check.bad(ruleMissing, "component", "component is missing", "name the component that gets the work")
	}
	checkEventSource(check, e)
	return problems
}

// checkComponent checks every value of a component on its own and against the
// others. An empty value counts as not written.
func checkComponent(c checker, comp *Component) {
	checkKeys(c, reflect.ValueOf(comp).Elem(), shapes[reflect.TypeFor[fileComponent]()])
	for i, v := range comp.Volumes {
		checkVolume(c.under(index("volumes", i)), v)
	}
	checkVolumeTargets(c, comp.Volumes)
	checkFileMounts(c, comp)
	checkWake(c, comp.Wake)
	checkAwake(c, comp.Awake)
	checkEngine(c, comp)
	checkRelations(c, comp)
	checkPath(c, "httphealthcheckpath", comp.HTTPHealthCheckPath)
}

// checkRelations reports numbers that contradict each other, defaults included.
func checkRelations(c checker, comp *Component) {
	e := comp.Effective()
	if e.MaxInstances > 0 && e.MinInstances > e.MaxInstances {
		c.add(finding{rule: ruleRelation, path: "mininstances",
			message: fmt.Sprintf("mininstances %d is more than maxinstances %d", e.MinInstances, e.MaxInstances),
			hint:    "raise maxinstances, or lower mininstances"})
	}
	for i, w := range e.Awake {
		if e.MaxInstances > 0 && w.Min > e.MaxInstances {
			c.add(finding{rule: ruleRelation, path: index("awake", i) + ".min",
				message: fmt.Sprintf("min %d is more than maxinstances %d", w.Min, e.MaxInstances),
				hint:    "raise maxinstances, or lower min"})
		}
	}
	if e.LimitMemory > 0 && e.ReserveMemory > e.LimitMemory {
		c.add(finding{rule: ruleRelation, path: "limitmemory",
			message: fmt.Sprintf("limitmemory %d is less than reservememory %d%s", e.LimitMemory, e.ReserveMemory, byDefault(comp.ReserveMemory == 0)),
			hint:    "raise limitmemory, or lower reservememory"})
	}
	down, up := e.ScaleDownConcurrencyPct, e.ScaleUpConcurrencyPct
	if down >= up && down > 0 && down <= 1 && up > 0 {
		c.add(finding{rule: ruleRelation, path: "scaledownconcurrencypct", near: []string{"scaleupconcurrencypct"},
			message: fmt.Sprintf("scaledownconcurrencypct %v%s is not below scaleupconcurrencypct %v%s",
				down, byDefault(comp.ScaleDownConcurrencyPct == 0), up, byDefault(comp.ScaleUpConcurrencyPct == 0)),
			hint: "keep a gap between the two, as 0.25 and 0.75"})
	}
}

func byDefault(yes bool) string {
	if yes {
		return " (the default)"
	}
	return ""
}

// checkKeys checks what the key table says: required keys, ranges and words.
// A zero is no value here; it means the default.
func checkKeys(c checker, v reflect.Value, s *shape) {
	for i := range s.keys {
		k := &s.keys[i]
		index := k.index
		if v.Type() == reflect.TypeFor[Component]() {
			if len(index) == 1 { // a key of the file only
				continue
			}
			index = index[1:]
		}
		field := v.FieldByIndex(index)
		switch {
		case field.IsZero():
			if k.required {
				c.bad(ruleMissing, k.name, k.name+" is missing", "add "+k.name+": ... ("+k.summary()+")")
			}
		case field.CanInt():
			checkRange(c, k, float64(field.Int()))
		case field.CanFloat():
			checkRange(c, k, field.Float())
		case len(k.enum) > 0:
			checkEnum(c, k, field.String())
		}
	}
}

func checkRange(c checker, k *shapeKey, n float64) {
	if n >= k.min && n <= k.max {
		return
	}
	text := strconv.FormatFloat(n, 'f', -1, 64)
	switch {
	case n < 0 && k.min == 0:
		c.bad(ruleRange, k.name, k.name+" can't be negative, but is "+text, hintAtLeast(k))
	case k.min == k.max:
		c.bad(ruleRange, k.name, k.name+" "+text+" is not known here", fmt.Sprintf("write %v", k.max))
	case k.max == unbounded:
		c.bad(ruleRange, k.name, k.name+" "+text+" is too large", fmt.Sprintf("the largest is %d", unbounded))
	case k.duration && n > k.max:
		c.bad(ruleRange, k.name, fmt.Sprintf("%s %s is longer than %s", k.name, durationText(seconds(int(n))), durationText(seconds(int(k.max)))),
			"write a shorter time, and begin another one where it ends")
	default:
		c.bad(ruleRange, k.name, k.name+" "+text+" is out of range", fmt.Sprintf("write a number from %v to %v", k.min, k.max))
	}
}

func hintAtLeast(k *shapeKey) string {
	if k.def != nil {
		return fmt.Sprintf("leave it out for the default of %v", k.def)
	}
	return "write 0 or leave it out for none"
}

func checkEnum(c checker, k *shapeKey, word string) {
	for _, allowed := range k.enum {
		if word == allowed {
			return
		}
	}
	c.value(ruleEnum, k.name, word, "is no "+k.name, "write one of "+strings.Join(k.enum, ", "))
}
