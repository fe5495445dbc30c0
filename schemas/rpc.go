package schemas

import "embed"

// RPC describes the services of the private port: one JSON document each, with
// a JSON Schema (draft-07) of what every method takes and answers.
//
//go:embed rpc/*.json
var RPC embed.FS
