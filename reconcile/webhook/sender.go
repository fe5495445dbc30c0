package webhook

import (
	"errors"
	"fmt"
	"net/http"
)

// sender is one kind of git server: how it proves that it knows the secret and
// what its calls look like.
type sender struct {
	name   string
	event  string // header that says what happened; a call with it is of this kind
	verify func(c *call, key string) error
	id     func(c *call) string // of the delivery; empty: it has none
	read   func(event string, payload []byte) (push, error)
}

// senders in the order in which they are recognised: Forgejo and Gitea send
// the headers of those that they are compatible with as well.
var senders = []sender{
	{name: "forgejo", event: "X-Forgejo-Event", verify: verifyGitea, id: headerID("X-Forgejo-Delivery", "X-Gitea-Delivery"), read: readGitHub},
	{name: "gitea", event: "X-Gitea-Event", verify: verifyGitea, id: headerID("X-Gitea-Delivery"), read: readGitHub},
	{name: "github", event: "X-Github-Event", verify: verifyGitHub, id: headerID("X-Github-Delivery"), read: readGitHub},
	{name: "gitlab", event: "X-Gitlab-Event", verify: verifyGitLab, id: gitLabID, read: readGitLab},
	{name: "bitbucket", event: "X-Event-Key", verify: verifyBitbucket, id: headerID("X-Request-Uuid", "X-Request-Id"), read: readBitbucket},
}

var generic = sender{name: "generic", verify: verifyGeneric, id: headerID(deliveryHeader), read: readGeneric}

// recognise tells what kind of server a call comes from.
func recognise(header http.Header) sender {
	for _, s := range senders {
		if header.Get(s.event) != "" {
			return s
		}
	}
	return generic
}

// happened is the sender's word for what happened.
func (s sender) happened(header http.Header) string {
	if s.event == "" {
		return "push"
	}
	return clean(header.Get(s.event), longestWord)
}

func headerID(names ...string) func(*call) string {
	return func(c *call) string { return first(c.header, names...) }
}

// first returns the first header of names that was sent.
func first(header http.Header, names ...string) string {
	for _, name := range names {
		if value := header.Get(name); value != "" {
			return value
		}
	}
	return ""
}

// errUnsigned says that a call has no signature where its sender puts one.
type errUnsigned struct{ header string }

func (e errUnsigned) Error() string {
	return "not signed: there is no header " + e.header + "; give the git server the source's webhook secret"
}

// errWrong says that a signature is of another body or another secret.
type errWrong struct{ header string }

func (e errWrong) Error() string {
	return e.header + " is wrong: the git server has another secret, or the body was changed on the way"
}

var errClock = errors.New("the timestamp is more than five minutes off")

func errMalformed(what string) error { return fmt.Errorf("%s is malformed", what) }
