// Package schema holds the JSON schema of maelstrom.yml to what Load says, with
// the programs that people use it with: ajv as the judge, and the language
// server of editors.
package schema
