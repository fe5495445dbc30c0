package main

import (
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
	paths := repositoryPaths{}
	for _, p := range problems {
		_, err := fmt.Fprintf(w, "::%s file=%s,line=%d,endLine=%d,col=%d,title=%s::%s\n",
			p.Severity, property.Replace(paths.of(p.File)), p.Line, p.EndLine, p.Column, property.Replace(p.Rule), data.Replace(fullMessage(p)))
		if err != nil {
			return err
		}
	}
	return nil
}
