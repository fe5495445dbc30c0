package runtime

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"maelstrom/cluster"
)

// refusedMost is how much of an engine's own text is told.
const refusedMost = 1000

// startFailure explains why a container could not be started.
func startFailure(err error, spec settings) *cluster.Failure {
	var known *cluster.Failure
	switch {
	case errors.As(err, &known):
		return known
	case errors.Is(err, ErrEngineDown), errors.Is(err, context.DeadlineExceeded):
		return &cluster.Failure{Reason: cluster.ReasonEngineDown, Message: fmt.Sprintf(
			"the container engine of the node does not answer (%s): check that it runs; starts go on by themselves once it does", err)}
	case errors.Is(err, ErrImageMissing), errors.Is(err, ErrPull):
		return imageFailure(err, spec)
	case errors.Is(err, ErrConflict):
		return &cluster.Failure{Reason: cluster.ReasonExited, Message: fmt.Sprintf(
			"the name of the placement's container is taken: remove that container (%s)", err)}
	}
	d := diagnosis{reason: cluster.ReasonExited}
	d.what, d.fix = explainRefusal(err.Error(), spec)
	return d.failure(&evidence{secrets: maskOf(spec)})
}

// refusal tells by the engine's text which key it refuses.
type refusal struct{ text, hint, below, line string }

var refusals = []refusal{
	{"already allocated", "another container or program has the port: change `ports`", "", `ports: ["ANOTHER_PORT:PORT"]`},
	{"address already in use", "another container or program has the port: change `ports`", "", `ports: ["ANOTHER_PORT:PORT"]`},
	{"executable file not found", "its program is not in the image: check `command` and `entrypoint`", "", "entrypoint: [/PATH/OF/PROGRAM]"},
	{"exec format error", "the image is for another processor: check `image`", "", "image: NAME:TAG"},
	{"permission denied", "its program can't be executed: check `command`, `entrypoint` and `user`", "", "entrypoint: [/PATH/OF/PROGRAM]"},
	{"bind source path", "the source directory does not exist on the node: check `volumes`", "volumes", "- {source: /DIRECTORY/ON/THE/NODE, target: /DIRECTORY}"},
	{"invalid mount", "check `volumes`", "volumes", "- {source: /DIRECTORY/ON/THE/NODE, target: /DIRECTORY}"},
	{"unable to find user", "the image has no such user: check `user`", "", `user: "1000:1000"`},
	{"unable to find group", "the image has no such group: check `user`", "", `user: "1000:1000"`},
	{"network", "check `networkname`", "", "networkname: NAME"},
	{"logging driver", "check `logdriver` and `logdriveroptions`", "", "logdriver: json-file"},
	{"log opt", "check `logdriver` and `logdriveroptions`", "", "logdriver: json-file"},
	{"memory limit", "check `limitmemory`", "", "limitmemory: 128"},
	{"memory reservation", "check `reservememory` and `limitmemory`", "", "reservememory: 128"},
	{"capabilit", "check `capadd` and `capdrop`", "", "capadd: [NAME]"},
	{"ulimit", "check `ulimits`", "", `ulimits: ["nofile=1024:2048"]`},
	{"no such file", "its program is not in the image: check `command` and `entrypoint`", "", "entrypoint: [/PATH/OF/PROGRAM]"},
}

// explainRefusal explains what an engine says instead of starting a container.
func explainRefusal(text string, spec settings) (what, fix string) {
	low := strings.ToLower(text)
	text = clip(maskOf(spec).hide(text), refusedMost)
	for _, r := range refusals {
		if strings.Contains(low, r.text) {
			return fmt.Sprintf("the container could not be started: %s (%s)", r.hint, text), inFile(spec, r.below, r.line)
		}
	}
	return fmt.Sprintf("the container could not be started: %s", text), ""
}
