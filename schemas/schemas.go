// Package schemas embeds every written contract of maelstrom.
package schemas

import _ "embed"

// Project is the JSON Schema (draft-07) of maelstrom.yml.
//
//go:embed maelstrom.schema.json
var Project []byte
