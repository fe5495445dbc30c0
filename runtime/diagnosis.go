package runtime

import (
	"fmt"
	"strings"

	"maelstrom/cluster"
	"maelstrom/project"
)

const (
	lastLines   = 20
	lineMost    = 200  // bytes of a line of output, an answer's body or a redirect
	messageMost = 8192 // bytes
	detailMost  = 1024 // bytes of what is kept of a failure
)

// settings is the effective component that a message is about.
type settings = *project.Component

// diagnosis is what is told of a failure.
type diagnosis struct {
	reason cluster.Reason
	what   string // happened
	facts  []string
	fix    string // ends with the line of YAML to write, where there is one
}

// outputMark stands between what happened and the output.
const outputMark = "; its last output:\n"

// inFile names the place in maelstrom.yml and the line to write there. Below
// is a key of the component, empty for the component itself.
func inFile(spec settings, below, line string) string {
	where := "components." + strings.TrimPrefix(spec.Name, spec.Project+"_")
	if below != "" {
		where += "." + below
	}
	return fmt.Sprintf("in maelstrom.yml, %s: write `%s`", where, line)
}

// failure puts into words what d and e say.
func (d *diagnosis) failure(e *evidence) *cluster.Failure {
	head := e.secrets.hide(strings.Join(append([]string{d.what}, d.facts...), "; "))
	room := messageMost - len(head) - len(d.fix) - len(outputMark)
	output := joinLast(e.output, room)
	switch {
	case output != "" && d.fix != "":
		head += outputMark + output + "\n" + d.fix
	case output != "":
		head += outputMark + output
	case d.fix != "":
		head += ": " + d.fix
	}
	return &cluster.Failure{Reason: d.reason, Message: head}
}

// joinLast joins as many of the last lines as there is room for.
func joinLast(lines []string, room int) string {
	first := len(lines)
	for first > 0 && len(lines[first-1])+1 <= room {
		first--
		room -= len(lines[first]) + 1
	}
	return strings.Join(lines[first:], "\n")
}

// detailOf is a message without the output in it.
func detailOf(message string) string {
	head, rest, ok := strings.Cut(message, outputMark)
	if !ok {
		return clip(message, detailMost)
	}
	last := rest[strings.LastIndex(rest, "\n")+1:]
	if strings.Contains(last, "in maelstrom.yml, ") {
		head += ": " + last
	}
	return clip(head, detailMost)
}

// clip bounds a text from outside.
func clip(text string, most int) string {
	text = strings.ToValidUTF8(text, "?")
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}
