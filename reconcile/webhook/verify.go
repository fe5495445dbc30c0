package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Headers of the generic form.
const (
	signatureHeader = "X-Maelstrom-Signature"
	timestampHeader = "X-Maelstrom-Timestamp"
	deliveryHeader  = "X-Maelstrom-Delivery"
)

// clockSkew is how far a signed timestamp may be off.
const clockSkew = 5 * time.Minute

// signed is the hex of the HMAC-SHA256 of some parts.
func signed(key string, parts ...string) string {
	return hex.EncodeToString(mac([]byte(key), parts...))
}

func mac(key []byte, parts ...string) []byte {
	h := hmac.New(sha256.New, key)
	for _, part := range parts {
		h.Write([]byte(part))
	}
	return h.Sum(nil)
}

// equal compares in a time that tells nothing of where two texts differ, nor
// of their lengths.
func equal(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// verifyHeader checks a header that is prefix and the hex of the body's HMAC.
func verifyHeader(c *call, key, header, prefix string) error {
	given := c.header.Get(header)
	right := equal(given, prefix+signed(key, string(c.body))) // also where none is given: it costs the same
	switch {
	case given == "":
		return errUnsigned{header}
	case !right:
		return errWrong{header}
	}
	return nil
}

func verifyGitHub(c *call, key string) error {
	return verifyHeader(c, key, "X-Hub-Signature-256", "sha256=")
}

func verifyBitbucket(c *call, key string) error {
	return verifyHeader(c, key, "X-Hub-Signature", "sha256=")
}

// verifyGitea checks the first signature that was sent: a wrong one is not
// made good by another.
func verifyGitea(c *call, key string) error {
	for _, header := range []string{"X-Forgejo-Signature", "X-Gitea-Signature"} {
		if c.header.Get(header) != "" {
			return verifyHeader(c, key, header, "")
		}
	}
	if c.header.Get("X-Hub-Signature-256") != "" {
		return verifyGitHub(c, key)
	}
	return verifyHeader(c, key, "X-Gitea-Signature", "")
}

// signingToken is what the keys of GitLab's signed form begin with.
const signingToken = "whsec_"

// verifyGitLab checks the secret token, which GitLab sends as it is; or the
// signature, if the source's secret is a signing token.
func verifyGitLab(c *call, key string) error {
	if strings.HasPrefix(key, signingToken) {
		return verifyStandard(c, key)
	}
	given := c.header.Get("X-Gitlab-Token")
	_ = mac([]byte(key), string(c.body)) // as dear as the signature of any other sender
	switch {
	case given == "":
		return errUnsigned{"X-Gitlab-Token"}
	case !equal(given, key):
		return errWrong{"X-Gitlab-Token"}
	}
	return nil
}

// verifyStandard checks a signature of the Standard Webhooks form: a list of
// "v1," and the base64 of the HMAC over id, timestamp and body.
func verifyStandard(c *call, key string) error {
	const header = "Webhook-Signature"
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key, signingToken))
	if err != nil {
		return errMalformed("the source's signing token")
	}
	id, timestamp, given := c.header.Get("Webhook-Id"), c.header.Get("Webhook-Timestamp"), c.header.Get(header)
	if given == "" || id == "" || timestamp == "" {
		return errUnsigned{header}
	}
	want := "v1," + base64.StdEncoding.EncodeToString(mac(raw, id, ".", timestamp, ".", string(c.body)))
	for one := range strings.FieldsSeq(given) {
		if equal(one, want) {
			return checkTimestamp(timestamp, c.now)
		}
	}
	return errWrong{header}
}

var deliveryForm = regexp.MustCompile(`^[A-Za-z0-9_-]{0,128}$`)

// verifyGeneric checks our own form. The parts can't be confused: neither the
// timestamp nor the id has a dot in it.
func verifyGeneric(c *call, key string) error {
	timestamp, id := c.header.Get(timestampHeader), c.header.Get(deliveryHeader)
	if !deliveryForm.MatchString(id) {
		return errMalformed(deliveryHeader)
	}
	if timestamp == "" {
		return verifyHeader(c, key, signatureHeader, "sha256=")
	}
	want := Signature(key, timestamp, id, c.body)
	switch given := c.header.Get(signatureHeader); {
	case given == "":
		return errUnsigned{signatureHeader}
	case !equal(given, want):
		return errWrong{signatureHeader}
	}
	return checkTimestamp(timestamp, c.now)
}

// Signature is the X-Maelstrom-Signature of a body that is sent with a
// timestamp, in seconds since 1970, and an id, which may be empty.
func Signature(key, timestamp, id string, body []byte) string {
	return "sha256=" + signed(key, timestamp, ".", id, ".", string(body))
}

// checkTimestamp tells whether a signed timestamp is of now.
func checkTimestamp(timestamp string, now time.Time) error {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return errMalformed("the timestamp")
	}
	if off := now.Sub(time.Unix(seconds, 0)); off > clockSkew || off < -clockSkew {
		return errClock
	}
	return nil
}

// gitLabID names a delivery of GitLab. The oldest of its ids is of the event,
// of which there may be several calls with bodies of their own.
func gitLabID(c *call) string {
	if id := first(c.header, "Webhook-Id", "Idempotency-Key"); id != "" {
		return id
	}
	event := c.header.Get("X-Gitlab-Event-Uuid")
	if event == "" {
		return ""
	}
	digest := sha256.Sum256(c.body)
	return event + "-" + hex.EncodeToString(digest[:4])
}

// event is the word of a call's sender for what happened.
func event(header http.Header) string { return recognise(header).happened(header) }
