// Package notify tells others about events: as signed JSON, or as the status
// of commits at GitHub, GitLab and Gitea.
//
// A webhook is a POST of this body:
//
//	{
//	  "format_version": "1.0",
//	  "event": "failed",
//	  "id": 1200003,
//	  "time": "2025-04-01T12:00:00.123456Z",
//	  "severity": "error",
//	  "source": "shop",
//	  "project": "checkout",
//	  "component": "",
//	  "node": "",
//	  "revision": "<commit>",
//	  "actor": "",
//	  "message": "one sentence for people",
//	  "details": {},
//	  "conditions": [{"type": "Synced", "status": "False", "reason": "ParseError", ...}]
//	}
//
// The conditions are those of the project, or of the source if the event is
// about no project, as they are when the body is sent. The headers are
//
//	X-Maelstrom-Event: <event>
//	X-Maelstrom-Delivery: <id>, the same at each attempt
//	X-Maelstrom-Timestamp: <seconds since 1970> of this attempt
//	X-Maelstrom-Signature: sha256=<hex>
//
// The signature, which is there if the notifier has a secret, is the
// HMAC-SHA256 of <timestamp> "." <id> "." <body>. Any answer of 2xx will do.
//
// Events reach each notifier in their order and at least once. One that can't
// be delivered holds up those behind it, for a day at most; where events become
// states of commits, only those of the same source.
package notify
