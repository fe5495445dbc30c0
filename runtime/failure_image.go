package runtime

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/distribution/reference"

	"maelstrom/cluster"
)

// The words of engines and registries for what can go wrong with a pull. The
// first list that has a word of the error is the cause.
var (
	fullWords    = []string{"no space left", "disk quota exceeded", "not enough space"}
	refusedWords = []string{"unauthorized", "denied", "no basic auth credentials", "authentication required", "incorrect username or password", "credentials: helper"}
	missingWords = []string{"not found", "manifest unknown", "name unknown", "does not exist", "no such image", "no matching manifest"}
	awayWords    = []string{
		"no such host", "dial tcp", "connection refused", "network is unreachable", "no route to host", "server misbehaving",
		"i/o timeout", "client.timeout", "tls handshake",
	}
	brokenWords = []string{"connection reset", "eof", "nothing came"}
)

// imageFailure explains why the image of a component is not here.
func imageFailure(err error, spec settings) *cluster.Failure {
	text := strings.ToLower(err.Error())
	has := func(words []string) bool {
		return slices.ContainsFunc(words, func(word string) bool { return strings.Contains(text, word) })
	}
	// A registry that hides what it has denies access to strangers; that is
	// about credentials only where there are some.
	hidden := strings.Contains(text, "does not exist") && !withCredentials(text, spec)
	registry := registryOf(spec.Image)
	switch {
	case !errors.Is(err, ErrPull):
		return missingImage(err, spec)
	case has(fullWords):
		return pullFailure(err, spec, "the disk of the container engine is full: free space on it (`docker system df` tells what takes it)")
	case has(refusedWords) && !hidden:
		return pullFailure(err, spec, fmt.Sprintf("registry %s refuses the credentials: check `pullusername` and `pullpassword`, or log in as the daemon's user (`docker login %s`)", registry, registry))
	case has(missingWords), has(awayWords) && registry == defaultRegistry:
		return missingImage(err, spec)
	case has(awayWords), has(brokenWords):
		return pullFailure(err, spec, fmt.Sprintf("registry %s does not answer the node: check `image`, the registry, and the way to it", registry))
	}
	return pullFailure(err, spec, "check `image`, `pullusername` and `pullpassword`")
}

func missingImage(err error, spec settings) *cluster.Failure {
	d := diagnosis{reason: cluster.ReasonImageMissing}
	d.what = fmt.Sprintf("image %s is not on the node, and no registry that the node reaches has it: check `image`, or build or load it on the node (%s)", spec.Image, clip(maskOf(spec).hide(err.Error()), refusedMost))
	d.fix = inFile(spec, "", "image: NAME:TAG")
	return d.failure(&evidence{secrets: maskOf(spec)})
}

func pullFailure(err error, spec settings, what string) *cluster.Failure {
	d := diagnosis{reason: cluster.ReasonPullFailed}
	d.what = fmt.Sprintf("image %s could not be pulled: %s (%s)", spec.Image, what, clip(maskOf(spec).hide(err.Error()), refusedMost))
	return d.failure(&evidence{secrets: maskOf(spec)})
}

func withCredentials(text string, spec settings) bool {
	return spec.PullUsername != "" || strings.Contains(text, "credentials: ") && !strings.Contains(text, "credentials: none")
}

// defaultRegistry is where an image comes from whose name has no registry:
// mostly one that was built here, or is meant to be.
const defaultRegistry = "docker.io"

func registryOf(image string) string {
	named, err := reference.ParseNormalizedNamed(image)
	if err != nil {
		return defaultRegistry
	}
	return reference.Domain(named)
}
