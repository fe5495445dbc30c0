package project

import (
	"bytes"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// replace writes ref over the scalar at image.
func (e *edit) replace(image imagePlace, ref string) ([]byte, error) {
	text := e.source.text
	from := e.skipProperties(e.source.offset(place{image.at.Line, image.at.Column}))
	from, to, ok := scalarBytes(text, from, image.at)
	if !ok {
		return nil, image.refuse("the image is spread over several lines", "write it on one line, as image: "+ref)
	}
	written := ref
	switch {
	case image.at.Style&yaml.DoubleQuotedStyle != 0, isPlain(image.at) && !plainText(ref):
		written = `"` + ref + `"`
	case image.at.Style&yaml.SingleQuotedStyle != 0:
		written = "'" + ref + "'"
	}
	return slices.Concat(e.bom, text[:from], []byte(written), text[to:]), nil
}

func isPlain(n *yaml.Node) bool {
	return n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle|yaml.LiteralStyle|yaml.FoldedStyle) == 0
}

// plainText tells whether an image without quotes is read as the text it is,
// within brackets too.
func plainText(ref string) bool {
	var n yaml.Node
	err := yaml.Unmarshal([]byte(ref), &n)
	return err == nil && len(n.Content) == 1 && n.Content[0].Tag == "!!str" && n.Content[0].Value == ref &&
		!legacyBool(ref) && !strings.ContainsAny(ref, "[]{},")
}

// skipProperties is the offset of a value whose anchor or tag begins at from.
func (e *edit) skipProperties(from int) int {
	text := e.source.text
	for from < len(text) && (text[from] == '&' || text[from] == '!') {
		from += runLength(text[from:], func(c byte) bool { return !isBlankByte(c) })
		for from < len(text) && (isBlankByte(text[from]) || text[from] == '#') {
			if text[from] == '#' {
				from += runLength(text[from:], func(c byte) bool { return c != '\n' && c != '\r' })
				continue
			}
			from++
		}
	}
	return from
}

func isBlankByte(c byte) bool { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }

func runLength(text []byte, in func(byte) bool) int {
	n := 0
	for n < len(text) && in(text[n]) {
		n++
	}
	return n
}

// scalarBytes are the bytes that a scalar's value takes, its quotes included;
// not ok where they are not in one piece. From is where it begins.
func scalarBytes(text []byte, from int, n *yaml.Node) (start, end int, ok bool) {
	switch {
	case from >= len(text):
		return 0, 0, false
	case n.Style&yaml.DoubleQuotedStyle != 0:
		return quotedBytes(text, from, '"')
	case n.Style&yaml.SingleQuotedStyle != 0:
		return quotedBytes(text, from, '\'')
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		return blockBytes(text, from, strings.Trim(n.Value, "\n"))
	}
	return from, from + len(n.Value), bytes.HasPrefix(text[from:], []byte(n.Value))
}

// quotedBytes end at the quote that is neither escaped nor doubled.
func quotedBytes(text []byte, from int, mark byte) (start, end int, ok bool) {
	if text[from] != mark {
		return 0, 0, false
	}
	for i := from + 1; i < len(text); i++ {
		switch {
		case mark == '"' && text[i] == '\\':
			i++
		case text[i] != mark:
		case mark == '\'' && i+1 < len(text) && text[i+1] == mark:
			i++
		default:
			return from, i + 1, true
		}
	}
	return 0, 0, false
}

// blockBytes are the one line of a block's text, below its | or >.
func blockBytes(text []byte, from int, value string) (start, end int, ok bool) {
	start = from + runLength(text[from:], func(c byte) bool { return c != '\n' && c != '\r' })
	start += runLength(text[start:], isBlankByte)
	return start, start + len(value), value != "" && !strings.Contains(value, "\n") && bytes.HasPrefix(text[start:], []byte(value))
}
