// Package webhook answers the calls of git servers that say that somebody has
// pushed. A call changes nothing by itself: where it matches what a source
// follows, the source is looked at sooner than it would be.
//
// GitHub, GitLab, Gitea, Forgejo and Bitbucket are known by their headers.
// Anything else uses the generic form:
//
//	POST /_mael/hooks/<source>
//	Content-Type: application/json
//	X-Maelstrom-Signature: sha256=<hex>
//	X-Maelstrom-Timestamp: <seconds since 1970>    (optional)
//	X-Maelstrom-Delivery: <id>                     (optional)
//
//	{"ref": "refs/heads/main", "revision": "<commit>"}
//
// Both keys are optional, and so is the body: without a ref, any source
// matches. The signature is the HMAC-SHA256, keyed with the source's webhook
// secret, of the body; with a timestamp, of
//
//	<timestamp> "." <id> "." <body>
//
// where the id is empty if none is sent. A timestamp may be five minutes off.
// An id has up to 128 letters, digits, "_" and "-", and counts once.
package webhook
