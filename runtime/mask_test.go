package runtime

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"maelstrom/project"
)

func withEnvironment(pairs ...string) settings {
	return shopWeb(func(c *project.Component) {
		for i := 0; i < len(pairs); i += 2 {
			c.Environment = append(c.Environment, project.EnvVar{Name: pairs[i], Value: pairs[i+1]})
		}
	})
}

func TestSecretsAreHidden(t *testing.T) {
	spec := withEnvironment(
		"DB_PASSWORD", "hunter2", "API_KEY", "hunter2-and-more", "PIN_TOKEN", "42", "MODE", "production",
		"DATABASE_URL", "postgres://me:s3cr3t%21@db/x", "QUOTED_SECRET", "a\"b\nc&d", "PRIVATE_KEY", "-----BEGIN KEY-----\nMIIabcdefgh\n-----END KEY-----",
	)
	spec.PullPassword = "pull-me"
	m := maskOf(spec)
	for text, want := range map[string]string{
		"password=hunter2!":               "password=(sensitive)!",
		"hunter2-and-more":                "(sensitive)",
		"pull-me, production":             "(sensitive), production",
		"code 42, 142 and 421":            "code (sensitive), 142 and 421",
		"dial me:s3cr3t!@db":              "dial me:(sensitive)@db",
		"postgres://me:s3cr3t%21@db/x":    "postgres://me:(sensitive)@db/x",
		`quoted "a\"b\nc&d"`:              `quoted "(sensitive)"`,
		"query ?x=a%22b%0Ac%26d":          "query ?x=(sensitive)",
		"one line of it MIIabcdefgh here": "one line of it (sensitive) here",
		"nothing to hide":                 "nothing to hide",
	} {
		if got := m.hide(text); got != want {
			t.Errorf("%q is told as %q, want %q", text, got, want)
		}
	}
	if got := (mask{}).hide("as it is"); got != "as it is" {
		t.Errorf("without secrets %q", got)
	}
}

// Whatever a program prints around it, no message has a secret in it.
func TestNoMessageHasASecret(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[a-z0-9!%&"=-]{12,40}`).Draw(t, "secret")
		around := rapid.StringN(0, 300, -1)
		spec := withEnvironment("DB_PASSWORD", secret)
		e := evidence{secrets: maskOf(spec)}
		text := around.Draw(t, "before") + secret + around.Draw(t, "after")
		e.output = []string{clean(e.secrets.hide(text), lineMost)}
		failed := &probeError{kind: probeStatus, status: 302, location: "https://" + text, body: []byte(text)}
		d := diagnose(failed, &e, spec)
		got := d.failure(&e).Message
		exit := explainExit(Container{Error: text}, &e, spec)
		if got += exit.failure(&e).Message; strings.Contains(got, secret) {
			t.Fatalf("%q is in %q", secret, got)
		}
	})
}
