package project

import (
	"strings"
	"testing"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
	"pgregory.net/rapid"
)

func expandText(text string, style yaml.Style) expansion {
	masked, m := maskVariables([]byte(text))
	x := &expander{lookup: testLookup, budget: maxExpanded}
	return x.expand(m, string(masked), style)
}

func TestExpandVariables(t *testing.T) {
	for _, tt := range []struct {
		text, want string
		unset      string
	}{
		{text: "${TAG}", want: "1.2.3"},
		{text: "v${TAG}-${PORT}", want: "v1.2.3-9000"},
		{text: "$TAG", want: "$TAG"},
		{text: "${}", want: "${}"},
		{text: "$${}", want: "$${}"},
		{text: "$${TAG}", want: "${TAG}"},
		{text: "$$${TAG}", want: "$${TAG}"},
		{text: "$$TAG", want: "$$TAG"},
		{text: "a ${ b", want: "a ${ b"},
		{text: "${TAG\n}", want: "${TAG\n}"},
		{text: "${TAG\r\n}", want: "${TAG\r\n}"},
		{text: "${NO:-d}", want: "d"},
		{text: "${EMPTY:-d}", want: "d"},
		{text: "${TAG:-d}", want: "1.2.3"},
		{text: "${NO:d}", want: "d"},
		{text: "${EMPTY:d}", want: ""},
		{text: "${NO:-}", want: ""},
		{text: "${NO:}", want: ""},
		{text: "${NO:-a:b}", want: "a:b"},
		{text: "${NO:-x}y}", want: "xy}"},
		{text: "${NO:-${TAG}}", want: "${TAG}"},
		{text: "${TAG:?set it}", want: "1.2.3"},
		{text: "${NO:?set it}", unset: "NO: set it"},
		{text: "${EMPTY:?}", unset: "EMPTY"},
		{text: "${NO}", unset: "NO"},
		{text: "${tag}", unset: "tag"},
		{text: "${ TAG}", unset: " TAG"},
		{text: "${TAG-d}", unset: "TAG-d"},
		{text: "${YAML}", want: "a: [b, c]"},
	} {
		t.Run(tt.text, func(t *testing.T) {
			e := expandText(tt.text, 0)
			unset := ""
			for _, u := range e.unset {
				unset = strings.TrimSuffix(u.name+": "+u.message, ": ")
			}
			if e.text != tt.want || unset != tt.unset {
				t.Errorf("got %q, unset %q; want %q, unset %q", e.text, unset, tt.want, tt.unset)
			}
		})
	}
}

func TestDefaultsWithinQuotesAreUnescaped(t *testing.T) {
	for _, tt := range []struct {
		text  string
		style yaml.Style
		want  string
	}{
		{`${NO:-a\tb}`, yaml.DoubleQuotedStyle, "a\tb"},
		{`${NO:-a\qb}`, yaml.DoubleQuotedStyle, `a\qb`},
		{`${NO:-a"b}`, yaml.DoubleQuotedStyle, `a"b`},
		{`${NO:-it''s}`, yaml.SingleQuotedStyle, "it's"},
		{`${NO:-a\tb}`, 0, `a\tb`},
	} {
		if e := expandText(tt.text, tt.style); e.text != tt.want {
			t.Errorf("%s: got %q, want %q", tt.text, e.text, tt.want)
		}
	}
}

func TestMaskingKeepsEveryColumn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{
			"${A}", "${}", "$${B:-x}", "${", "}", "$", "\n", "ä", "x", " ", "\U000F0000", "\U000F0001", "\U00100000", "\u2028",
		})).Draw(t, "parts")
		text := strings.Join(parts, "")
		masked, m := maskVariables([]byte(text))
		if got := m.raw(string(masked)); got != text {
			t.Fatalf("restored %q from %q", got, text)
		}
		if got, want := utf8.RuneCount(masked), utf8.RuneCountInString(text); got != want {
			t.Fatalf("%d runes became %d", want, got)
		}
	})
}

func TestMasksAreReadOnlyWhereTheyWereWritten(t *testing.T) {
	masked, m := maskVariables([]byte("${TAG}"))
	for cut := 1; cut < utf8.RuneCount(masked); cut++ {
		part := string([]rune(string(masked))[:cut])
		if got := m.raw(part); got != part {
			t.Errorf("a torn mask was read as %q", got)
		}
	}
}

func TestValuesOfVariablesAreBounded(t *testing.T) {
	text := "name: shop\ncomponents:\n  web:\n    image: x\n    command:\n" + strings.Repeat("      - ${BIG}\n", 1000)
	big := strings.Repeat("x", 1<<16)
	loaded := Load(Input{File: "f", Data: []byte(text), Lookup: func(string) (string, bool) { return big, true }})
	if got := problemText(loaded.Problems); !strings.Contains(got, ruleExpansion) {
		t.Errorf("got %s", got)
	}
}

func TestSecretVariablesAreNotEchoed(t *testing.T) {
	const text = `name: shop
components:
  ${DB_PASSWORD}:
    image: ${DB_PASSWORD}
    ports: ["${DB_PASSWORD}"]
    httpport: ${DB_PASSWORD}
    restartorder: ${DB_PASSWORD}
    user: a ${DB_PASSWORD}
    pullpassword: [swordfish]
    crontab: |
      ${DB_PASSWORD} /x
    environment:
      - ${DB_PASSWORD}
      - MAELSTROM_A=${DB_PASSWORD}
      - A=1
      - A=${DB_PASSWORD}
    eventsources:
      x: {http: {hostname: "${DB_PASSWORD}"}, cron: {schedule: "${DB_PASSWORD}", http: {headers: [{name: "a b", value: [swordfish]}]}}}
`
	got := problemText(Load(Input{File: "f", Data: []byte(text), Lookup: testLookup}).Problems)
	for _, secret := range []string{"hunter2", "swordfish"} {
		if strings.Contains(got, secret) {
			t.Errorf("%s is repeated in\n%s", secret, got)
		}
	}
	if n := strings.Count(got, "${DB_PASSWORD}"); n < 8 {
		t.Errorf("only %d fields are shown as written:\n%s", n, got)
	}
}

func TestAllowUnset(t *testing.T) {
	const text = "name: shop\ncomponents:\n  web: {image: x, command: [\"${NO}\", x], httpport: ${NO}, user: \"${MUST:?}\"}\n"
	loaded := Load(Input{File: "f", Data: []byte(text), AllowUnset: true})
	got := problemText(loaded.Problems)
	if strings.Count(got, ruleUnsetAllowed) != 2 || strings.Count(got, ruleUnset) != 1 {
		t.Errorf("got\n%s", got)
	}
}
