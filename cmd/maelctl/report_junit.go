package main

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"

	"maelstrom/project"
)

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Name    string        `xml:"name,attr"`
	Class   string        `xml:"classname,attr"`
	Failure *junitFailure `xml:"failure"`
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
		if one.Failure = result.junitFailure(c.problems); one.Failure != nil {
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

// junitFailure holds every problem that fails its file: readers of the format
// show one failure a case.
func (v *validation) junitFailure(problems []project.Problem) *junitFailure {
	var failing []project.Problem
	for i := range problems {
		if v.fails(problems[i : i+1]) {
			failing = append(failing, problems[i])
		}
	}
	if len(failing) == 0 {
		return nil
	}
	var text strings.Builder
	printProblems(&text, style{}, failing)
	return &junitFailure{Type: failing[0].Rule, Message: plural(len(failing), "problem"), Text: text.String()}
}
