package project

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"path"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// FileMount is a file that a component's containers find at Target, for
// reading only. Its content is part of the component, so that every node has
// it and a change of it is a change of the component.
type FileMount struct {
	Target    string `json:"target"` // absolute path in the container
	Content   []byte `json:"content"`
	Mode      string `json:"mode,omitempty"` // octal digits; empty: DefaultFileMode
	Sensitive bool   `json:"sensitive,omitempty"`
}

// DefaultFileMode is the mode of a file that is written without one.
const DefaultFileMode = "0444"

// maxFileMounts bounds the content of all files of one component, in bytes.
const maxFileMounts = 1 << 20

// How content may be written in a file.
const (
	encodingText   = "text"
	encodingBase64 = "base64"
)

// fileFileMount is a file mount as it is written: source or content.
type fileFileMount struct {
	Target    string `json:"target"`
	Source    string `json:"source"`
	Content   string `json:"content"`
	Encoding  string `json:"encoding"`
	Mode      string `json:"mode"`
	Sensitive bool   `json:"sensitive"`
}

// Permissions is the mode as a number, of the effective file mount.
func (f *FileMount) Permissions() uint32 {
	mode, _ := strconv.ParseUint(f.Mode, 8, 32) // checked when it was declared
	return uint32(mode)
}

// diffText tells two contents apart without showing them.
func (f *FileMount) diffText() string {
	sum := sha256.Sum256(f.Content)
	text := fmt.Sprintf("%s, %d bytes, sha256 %s", f.Mode, len(f.Content), hex.EncodeToString(sum[:6]))
	if f.Sensitive {
		text += ", sensitive"
	}
	return text
}

// written is f as a file may say it.
func (f *FileMount) written() fileFileMount {
	out := fileFileMount{Target: f.Target, Mode: f.Mode, Sensitive: f.Sensitive}
	if utf8.Valid(f.Content) {
		out.Content, out.Encoding = string(f.Content), encodingText
	} else {
		out.Content, out.Encoding = base64.StdEncoding.EncodeToString(f.Content), encodingBase64
	}
	return out
}

func effectiveFileMounts(files []FileMount) []FileMount {
	return effectiveList(files, func(f *FileMount) { orDefault(&f.Mode, DefaultFileMode) })
}

// fileMounts reads what the key files of a component names.
func (l *loader) fileMounts(n *node, path string, file *fileComponent) []FileMount {
	list := n.get("files")
	if list == nil || list.broken {
		return nil
	}
	var out []FileMount
	for i := range file.Files {
		at := list.item(i)
		if at == nil || at.broken {
			continue
		}
		out = append(out, l.fileMount(at, path+"."+index("files", i), &file.Files[i]))
	}
	return out
}

func (l *loader) fileMount(n *node, path string, f *fileFileMount) FileMount {
	check := l.checker(n, path)
	checkKeys(check, reflectValue(f), shapeOf(f))
	out := FileMount{Target: f.Target, Mode: f.Mode, Sensitive: f.Sensitive, Content: []byte(f.Content)}
	source, content := n.get("source"), n.get("content")
	switch {
	case source != nil && content != nil:
		check.bad(ruleFileMount, "content", "a file has either source or content", "remove one of the two")
	case source != nil && !source.broken:
		out.Content = l.fileContent(source, path+".source", f.Source)
	case content == nil && source == nil:
		check.bad(ruleMissing, "source", "source is missing", "name a file beside this one, or write its content under content")
	}
	if f.Encoding == encodingBase64 {
		l.decodeContent(check, f, source, &out)
	}
	return out
}

func (l *loader) decodeContent(check checker, f *fileFileMount, source *node, out *FileMount) {
	if source != nil {
		check.bad(ruleFileMount, "encoding", "encoding is about content, not about source", "remove it; the file is taken as it is")
		return
	}
	data, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(f.Content), ""))
	if err != nil {
		check.bad(ruleFileMount, "content", "the content is not base64", "write standard base64, or encoding: text")
		return
	}
	out.Content = data
}

func (l *loader) fileContent(at *node, path, source string) []byte {
	file, err := l.readNamed(at, source)
	if err != nil {
		l.problem(at, path, ruleFileRead, fmt.Sprintf("%s can't be read: %s", at.show(), err), "write the path relative to this file")
		return nil
	}
	if file.Warning != "" {
		l.problem(at, path, ruleEnvFilePlace, file.Warning, "move the file beside this one")
	}
	return file.Data
}

var fileModeSyntax = regexp.MustCompile(`^0?[0-7]{3}$`)

// checkFileMounts checks the files of a component against each other and
// against its volumes.
func checkFileMounts(c checker, comp *Component) {
	taken := map[string]string{}
	for i, v := range comp.Volumes {
		taken[path.Clean(v.Target)] = index("volumes", i)
	}
	total := 0
	for i, f := range comp.Files {
		at := index("files", i)
		checkFileMount(c.under(at), f)
		target := path.Clean(f.Target)
		if by, twice := taken[target]; twice && f.Target != "" {
			c.value(ruleFileMount, at+".target", f.Target, "is taken by "+by, "keep one of the two")
		}
		taken[target] = at
		total += len(f.Content)
	}
	if total > maxFileMounts {
		c.bad(ruleFileMount, "files", fmt.Sprintf("the files have %d bytes, more than the %d of one component", total, maxFileMounts),
			"put large files into the image or a volume")
	}
}

func checkFileMount(c checker, f FileMount) {
	switch {
	case f.Target == "":
		c.bad(ruleMissing, "target", "target is missing", "write the absolute path in the container")
	case !strings.HasPrefix(f.Target, "/") || path.Clean(f.Target) == "/" || strings.HasSuffix(f.Target, "/"):
		c.value(ruleFileMount, "target", f.Target, "is no place for a file in the container", "write an absolute path below /")
	}
	if f.Mode != "" && !fileModeSyntax.MatchString(f.Mode) {
		c.value(ruleFileMount, "mode", f.Mode, "is not a file mode", "write three octal digits, as in 0444 or 0440")
	}
}
