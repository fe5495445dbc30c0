package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"maelstrom/project"
)

// printGitHub writes problems as workflow commands that GitHub Actions shows
// beside the line.
func printGitHub(w io.Writer, problems []project.Problem) error {
	data := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A")
	property := strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A", ":", "%3A", ",", "%2C")
	for _, p := range problems {
		_, err := fmt.Fprintf(w, "::%s file=%s,line=%d,endLine=%d,col=%d,title=%s::%s\n",
			p.Severity, property.Replace(p.File), p.Line, p.EndLine, p.Column, property.Replace(p.Rule), data.Replace(fullMessage(p)))
		if err != nil {
			return err
		}
	}
	return nil
}

// fullMessage is a problem in one line, without its position.
func fullMessage(p project.Problem) string {
	text := p.Message
	if p.Path != "" {
		text = p.Path + ": " + text
	}
	if p.Hint != "" {
		text += "; " + p.Hint
	}
	return text
}

// The part of SARIF 2.1.0 that code scanning reads.
type sarifLog struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool    sarifTool     `json:"tool"`
	Results []sarifResult `json:"results"`
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
	ID string `json:"id"`
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
		Tool:    sarifTool{Driver: sarifDriver{Name: "maelctl", Version: version, Rules: []sarifRule{}}},
		Results: []sarifResult{},
	}
	seen := map[string]bool{}
	for _, p := range problems {
		if !seen[p.Rule] {
			seen[p.Rule] = true
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{ID: p.Rule})
		}
		run.Results = append(run.Results, sarifResult{
			RuleID:  p.Rule,
			Level:   string(p.Severity),
			Message: sarifMessage{Text: fullMessage(p)},
			Locations: []sarifLocation{{Physical: sarifPhysical{
				Artifact: sarifArtifact{URI: p.File},
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

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name     string         `xml:"name,attr"`
	Class    string         `xml:"classname,attr"`
	Failures []junitFailure `xml:"failure"`
}

type junitFailure struct {
	Type    string `xml:"type,attr"`
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// printJUnit writes one test case a file, failed by its errors.
func printJUnit(w io.Writer, result validation) error {
	suite := junitSuite{Name: "maelctl project validate", Tests: len(result.Files)}
	for _, file := range result.Files {
		one := junitCase{Name: file, Class: "maelstrom"}
		for _, p := range result.Problems {
			if p.File == file && p.Severity == project.Error {
				one.Failures = append(one.Failures, junitFailure{
					Type: p.Rule, Message: fullMessage(p), Text: fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column),
				})
			}
		}
		if len(one.Failures) > 0 {
			suite.Failures++
		}
		suite.Cases = append(suite.Cases, one)
	}
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	encoder := xml.NewEncoder(w)
	encoder.Indent("", "  ")
	if err := encoder.Encode(suite); err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	_, err := fmt.Fprintln(w)
	return err
}
