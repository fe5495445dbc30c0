package main

import (
	"bytes"
	"testing"
	"time"
)

func TestTableAlignsByCharacters(t *testing.T) {
	table := newTable(style{}, "NAME", "WHAT")
	table.add("é", "x ")
	table.add("longer", "a\nb\x1b[2J")
	var b bytes.Buffer
	if err := table.write(&b); err != nil {
		t.Fatal(err)
	}
	if want := "NAME    WHAT\né       x\nlonger  a | b [2J\n"; b.String() != want {
		t.Errorf("got %q, want %q", &b, want)
	}
}

func TestLinesOfOutputAreToldApart(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "one": "one", "a\tb": "a b", "\n\n": "",
		"exited with code 3; its last output:\n  boot\r\n\nno database\n": "exited with code 3; its last output: boot | no database",
	} {
		if got := oneLine(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestColours(t *testing.T) {
	env := map[string]string{}
	a, _, _ := testApp(env)
	if a.outStyle().on || a.errStyle().on {
		t.Error("a pipe is coloured")
	}
	a.stdoutTTY = true
	if !a.outStyle().on || a.errStyle().on {
		t.Error("each stream is coloured by itself")
	}
	if got := a.outStyle().red("x"); got != "\x1b[31mx\x1b[0m" {
		t.Errorf("got %q", got)
	}
	for _, off := range []struct{ name, value string }{{"NO_COLOR", "1"}, {"TERM", "dumb"}} {
		env[off.name] = off.value
		if a.outStyle().on {
			t.Errorf("%s=%s is ignored", off.name, off.value)
		}
		delete(env, off.name)
	}
	env["NO_COLOR"] = "" // as if it were not set
	if !a.outStyle().on {
		t.Error("an empty NO_COLOR turns colours off")
	}
}

func TestAge(t *testing.T) {
	now := time.Now()
	for want, at := range map[string]time.Time{
		"-": {}, "0s": now.Add(time.Hour), "90s": now.Add(-90 * time.Second), "90m": now.Add(-90 * time.Minute),
		"47h": now.Add(-47*time.Hour - time.Minute), "3d": now.Add(-73 * time.Hour),
	} {
		if got := age(at); got != want {
			t.Errorf("age of %s is %s, want %s", at, got, want)
		}
	}
	if got := ageOf(nil); got != "-" {
		t.Errorf("got %q", got)
	}
}
