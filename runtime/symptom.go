package runtime

import (
	"fmt"
	"path"
	"regexp"
	goruntime "runtime"
	"slices"
	"strings"

	"maelstrom/project"
)

// symptom is what the output of a program tells about its end.
type symptom struct{ what, fix string }

// symptomOf looks in the last lines, from the end, for what is known to be
// about how the container is set up.
func symptomOf(e *evidence, spec settings) (symptom, bool) {
	for _, line := range slices.Backward(e.output) {
		for _, recognise := range []func(string, *evidence, settings) (symptom, bool){
			wrongArchitecture, readOnlyFiles, missingVariable,
		} {
			if s, ok := recognise(line, e, spec); ok {
				return s, true
			}
		}
	}
	return symptom{}, false
}

func wrongArchitecture(line string, e *evidence, spec settings) (symptom, bool) {
	if !strings.Contains(strings.ToLower(line), "exec format error") {
		return symptom{}, false
	}
	here := goruntime.GOARCH
	what := fmt.Sprintf("its program is not one for this node, which is linux/%s", here)
	if e.image.Architecture != "" && e.image.Architecture != here {
		what = fmt.Sprintf("the image is built for %s/%s, the node is linux/%s", e.image.OS, e.image.Architecture, here)
	}
	return symptom{
		what: what + ": check `image`",
		fix:  fmt.Sprintf("build it for linux/%s (docker build --platform linux/%s); %s", here, here, inFile(spec, "", "image: NAME:TAG")),
	}, true
}

var (
	readOnly     = regexp.MustCompile(`(?i)read-?only ?file ?system|\bEROFS\b`)
	absolutePath = regexp.MustCompile(`/[\w.@+-][\w./@+-]*`)
)

// readOnlyFiles is about a program that may not write where it wants to.
func readOnlyFiles(line string, _ *evidence, spec settings) (symptom, bool) {
	if !readOnly.MatchString(line) {
		return symptom{}, false
	}
	paths := absolutePath.FindAllString(line, -1)
	for _, file := range paths {
		for _, v := range spec.Volumes {
			if v.ReadOnly && within(file, v.Target) {
				return symptom{
					what: fmt.Sprintf("it can't write %s: `volumes` mounts %s read-only", file, v.Target),
					fix:  inFile(spec, "volumes, target "+v.Target, "readonly: false"),
				}, true
			}
		}
	}
	s := symptom{
		what: "it can't write to a read-only file system: `volumes` gives it a place, of type tmpfs for what need not last",
		fix:  inFile(spec, "volumes", "- {type: tmpfs, target: /DIRECTORY}"),
	}
	if len(paths) > 0 {
		file := strings.TrimRight(paths[0], ".")
		s.what = fmt.Sprintf("it can't write %s: the file system is read-only there; `volumes` gives it a place, of type tmpfs for what need not last", file)
		s.fix = inFile(spec, "volumes", fmt.Sprintf("- {type: tmpfs, target: %s}", path.Dir(file)))
	}
	return s, true
}

func within(file, dir string) bool {
	return file == dir || strings.HasPrefix(file, strings.TrimSuffix(dir, "/")+"/")
}

// missing are the ways in which programs say that a variable is not set. Names
// are upper case, so that no word of the sentence is taken for one.
var missing = func() []*regexp.Regexp {
	const name = `([A-Z][A-Z0-9_]+)`
	const quote = "[\"'`]?"
	var all []*regexp.Regexp
	for _, form := range []string{
		`KeyError: '` + name + `'`,
		`(?i:key not found): :?"` + name + `"`,
		`(?i:undefined array key) "` + name + `"`,
		`(?i:could not resolve placeholder) '` + name + `'`,
		`(?i:(?:environment variable|variable|env)s? not found):? ` + quote + name,
		`(?i:(?:missing|required|undefined|unset|no)\b[\w ]*\b(?:environment variables?|env(?:ironment)?(?: vars?)?|variables?)):? ` + quote + name + `\b`,
		`(?i:required key) ` + name + ` (?i:missing value)`,
		name + quote + `:? (?i:(?:(?:environment|env) var(?:iable)? )?(?:is |was |are |has |must |needs to |should |cannot |can't )*` +
			`(?:not (?:been )?(?:set|defined|provided|specified|configured|found|present)|be (?:set|defined|provided|specified|configured|empty|blank)|unset|undefined|missing|required|empty|unbound variable|parameter (?:null or )?not set))\b`,
	} {
		all = append(all, regexp.MustCompile(form))
	}
	return all
}()

// noVariables are upper-case words that log lines are full of.
var noVariables = []string{
	"ERROR", "ERR", "WARN", "WARNING", "INFO", "DEBUG", "TRACE", "FATAL", "PANIC", "CRITICAL", "NOTICE", "LOG", "HINT", "DETAIL",
	"HTTP", "HTTPS", "GET", "POST", "PUT", "HEAD", "DELETE", "PATCH", "JSON", "YAML", "XML", "HTML", "SQL", "TLS", "SSL", "TCP", "UDP", "DNS", "EOF", "ID",
}

// missingVariable is about a program that wants a variable which the component
// does not set.
func missingVariable(line string, _ *evidence, spec settings) (symptom, bool) {
	for _, form := range missing {
		found := form.FindStringSubmatch(line)
		if found == nil || slices.Contains(noVariables, found[1]) || isSet(spec, found[1]) {
			continue
		}
		return symptom{
			what: fmt.Sprintf("it says that the variable %s is not set (`environment`)", found[1]),
			fix:  inFile(spec, "environment", fmt.Sprintf("- %s=VALUE", found[1])),
		}, true
	}
	return symptom{}, false
}

func isSet(spec settings, name string) bool {
	return slices.ContainsFunc(spec.Environment, func(v project.EnvVar) bool { return v.Name == name && v.Value != "" })
}
