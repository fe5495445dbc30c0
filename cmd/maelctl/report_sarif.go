package main

import (
	"io"
	"net/url"
	"path/filepath"

	"maelstrom/project"
)

// The part of SARIF 2.1.0 that code scanning reads.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID          string       `json:"id"`
	Description sarifMessage `json:"shortDescription"`
}

type sarifResult struct {
	RuleID    string          `json:"ruleId"`
	Level     string          `json:"level"`
	Message   sarifMessage    `json:"message"`
	Locations []sarifLocation `json:"locations"`
}

type sarifMessage struct {
	Text string `json:"text"`
}

type sarifLocation struct {
	Physical sarifPhysical `json:"physicalLocation"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   sarifRegion   `json:"region"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
	EndLine     int `json:"endLine"`
}

func printSARIF(w io.Writer, problems []project.Problem) error {
	run := sarifRun{
		Tool:       sarifTool{Driver: sarifDriver{Name: "maelctl", Version: version, Rules: sarifRules(problems)}},
		ColumnKind: "unicodeCodePoints",
		Results:    []sarifResult{},
	}
	paths := repositoryPaths{}
	for _, p := range problems {
		run.Results = append(run.Results, sarifResult{
			RuleID:  p.Rule,
			Level:   string(p.Severity),
			Message: sarifMessage{Text: fullMessage(p)},
			Locations: []sarifLocation{{Physical: sarifPhysical{
				Artifact: sarifArtifact{URI: sarifURI(paths.of(p.File))},
				Region:   sarifRegion{StartLine: p.Line, StartColumn: p.Column, EndLine: p.EndLine},
			}}},
		})
	}
	return printJSON(w, sarifLog{
		Schema:  "https://json.schemastore.org/sarif-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

// sarifRules are those that were broken, by id.
func sarifRules(problems []project.Problem) []sarifRule {
	broken := map[string]bool{}
	for _, p := range problems {
		broken[p.Rule] = true
	}
	rules := []sarifRule{}
	for _, r := range project.Rules {
		if broken[r.ID] {
			rules = append(rules, sarifRule{ID: r.ID, Description: sarifMessage{Text: r.Summary}})
		}
	}
	return rules
}

func sarifURI(path string) string {
	u := url.URL{Path: filepath.ToSlash(path)}
	if filepath.IsAbs(path) {
		u.Scheme = "file"
	}
	return u.String()
}
