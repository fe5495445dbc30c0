package main

import (
	"encoding/xml"
	"fmt"
	"io"
)

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

// printJUnit writes one test case a file, failed by its errors; with --strict
// by its warnings too.
func printJUnit(w io.Writer, result validation) error {
	suite := junitSuite{Name: "maelctl project validate", Tests: len(result.checked)}
	for _, c := range result.checked {
		one := junitCase{Name: c.file, Class: "maelstrom"}
		for i, p := range c.problems {
			if result.fails(c.problems[i : i+1]) {
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
	data, err := xml.MarshalIndent(suite, "", "  ")
	if err != nil {
		return fmt.Errorf("encode output: %w", err)
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, data)
	return err
}
