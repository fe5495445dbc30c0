package project

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

// components checks and normalises every component, their crontabs, and then
// the event sources, which so are the ones reported for a name that a crontab
// line has already.
func (l *loader) components(root *node, f *fileProject) {
	shared := l.envFile(root, f.EnvFile)
	shared = mergedEnv(shared, l.environment(root, "", f.Environment))
	components := root.get("components")
	if components == nil || components.kind != mapNode {
		return
	}
	for _, p := range components.pairs {
		if c := f.Components[p.key.text]; c != nil && !p.value.removed {
			l.component(p, c, shared)
		}
	}
	for _, p := range components.pairs {
		if c := f.Components[p.key.text]; c != nil && !p.value.removed {
			l.eventSources(p, c)
		}
	}
	l.warnConcurrency(root)
}

// component checks one component and the jobs of its crontab.
func (l *loader) component(p pair, file *fileComponent, shared []placedVar) {
	path := "components." + p.key.raw()
	full := FullName(l.project.Name, p.key.text)
	l.name("components."+full, named{path, p.key}, full)
	l.positions("components."+full, p.value)
	l.where["components."+full] = p.key.position()

	check := l.checker(p.value, path)
	file.Component.Files = l.fileMounts(p.value, path, file)
	checkComponent(check, &file.Component)
	l.checkHTTPPort(p.value, path, file)

	c := file.Component
	c.Name, c.Project = full, l.project.Name
	for _, v := range mergedEnv(shared, l.environment(p.value, path, file.Environment)) {
		c.Environment = append(c.Environment, v.EnvVar)
		l.where["components."+full+".environment."+v.Name] = v.at
	}
	l.project.Components = append(l.project.Components, c)
	l.files[full] = file

	crontab := p.value.get("crontab")
	if crontab == nil || crontab.broken || crontab.kind != scalarNode {
		return
	}
	for i, j := range l.jobs(crontab, path+".crontab") {
		l.job(fmt.Sprintf("%s-cron-%d", p.key.text, i), full, j, named{path + ".crontab", crontab})
	}
}

// checkHTTPPort refuses httpport 0, which in a file can only be a mistake.
func (l *loader) checkHTTPPort(n *node, path string, file *fileComponent) {
	if at := n.get("httpport"); at != nil && !at.broken && file.HTTPPort == 0 {
		l.problem(at, path+".httpport", ruleRange, "httpport can't be 0", "write the port that the container listens on, or leave it out for 8080")
	}
}

// job adds the event source of one crontab line.
func (l *loader) job(name, component string, j job, from named) {
	full := FullName(l.project.Name, name)
	at := *from.at
	at.line, at.column, at.endLine = j.at.line, j.at.column, j.at.line
	from.at = &at
	key := "eventsources." + full
	l.name(key, from, full)
	l.where[key] = at.position()
	l.project.EventSources = append(l.project.EventSources, EventSource{
		Name: full, Project: l.project.Name, Component: component,
		Cron: &CronSource{Schedule: j.schedule, HTTP: CronHTTP{Method: "GET", Path: j.path}},
	})
}

// eventSources checks the event sources that stand below a component.
func (l *loader) eventSources(p pair, file *fileComponent) {
	sources := p.value.get("eventsources")
	if sources == nil || sources.kind != mapNode {
		return
	}
	for _, s := range sources.pairs {
		e := file.EventSources[s.key.text]
		if e == nil || s.value.removed {
			continue
		}
		path := "components." + p.key.raw() + ".eventsources." + s.key.raw()
		full := FullName(l.project.Name, s.key.text)
		l.name("eventsources."+full, named{path, s.key}, full)
		l.positions("eventsources."+full, s.value)
		l.where["eventsources."+full] = s.key.position()
		checkEventSource(l.checker(s.value, path), e)
		l.route(s.value, path, e)
		e.Name, e.Project, e.Component = full, l.project.Name, FullName(l.project.Name, p.key.text)
		l.project.EventSources = append(l.project.EventSources, *e)
	}
}

// name checks a name and that nobody else has it.
func (l *loader) name(key string, by named, full string) {
	if by.at.broken {
		return
	}
	crontab := strings.HasSuffix(by.path, ".crontab")
	check := checker{
		add:  func(f finding) { l.problem(by.at, by.path, f.rule, f.message, f.hint) },
		show: func(string, string) string { return by.at.show() },
	}
	if !crontab {
		checkName(check, "", by.at.text)
	}
	if l.project.Name != "" {
		checkNameLength(check, "", full)
	}
	first, taken := l.names[key]
	if taken {
		check.bad(ruleNameTwice, "", fmt.Sprintf("the full name %s is taken by %s on %s", full, first.path, by.at.lineOf(first.at)),
			"rename one of the two; names are lower-cased and prefixed with the project")
		return
	}
	l.names[key] = by
	l.written[key] = by.path
}

// lineOf names the line of another node as seen from n.
func (n *node) lineOf(other *node) string {
	if other.src == n.src {
		return fmt.Sprintf("line %d", other.line)
	}
	return fmt.Sprintf("line %d of %s", other.line, other.src.name)
}

// route refuses the host and path prefix that another event source has.
func (l *loader) route(n *node, path string, e *EventSource) {
	if e.HTTP == nil || e.HTTP.Hostname == "" && e.HTTP.PathPrefix == "" {
		return
	}
	key := routeKey(e.HTTP)
	at, exact, _ := n.locate("http.hostname")
	field := ".http.hostname"
	if !exact {
		at, _, _ = n.locate("http.pathprefix")
		field = ".http.pathprefix"
	}
	first, taken := l.routes[key]
	if !taken {
		l.routes[key] = named{path, at}
		return
	}
	l.problem(at, path+field, ruleRouteTwice,
		fmt.Sprintf("the same hostname and pathprefix as %s on %s", first.path, at.lineOf(first.at)),
		"change hostname or pathprefix of one of the two")
}

// routeKey is equal for two http event sources that would get the same requests.
func routeKey(h *HTTPSource) string { return NormalHost(h.Hostname) + " " + h.PathPrefix }

// environment reads the environment list below n.
func (l *loader) environment(n *node, path string, list []string) []placedVar {
	entries := n.get("environment")
	return environmentEntries(l.checker(n, path), "environment", list, func(i int) Position {
		return entries.item(i).position()
	})
}

// envFile reads the file that envfile names.
func (l *loader) envFile(root *node, path string) []placedVar {
	at := root.get("envfile")
	if at == nil || at.broken || path == "" {
		return nil
	}
	file, err := l.readNamed(at, path)
	if err != nil {
		l.problem(at, "envfile", ruleEnvFile, fmt.Sprintf("%s can't be read: %s", at.show(), err), "write the path relative to this file")
		return nil
	}
	if file.Warning != "" {
		l.problem(at, "envfile", ruleEnvFilePlace, file.Warning, "move the file beside this one")
	}
	return l.envLines(file)
}

var (
	errNoFile     = errors.New("no such file")
	errUnreadable = errors.New("there is no file that can be read")
)

// readNamed reads the file that a value names. Where that holds a secret,
// nothing that comes back repeats it: paths are told in errors and elsewhere.
func (l *loader) readNamed(at *node, path string) (File, error) {
	file, err := l.readFile(path)
	if !at.secret {
		return file, err
	}
	if file.Path = at.raw(); file.Warning != "" {
		file.Warning = at.show() + " was read from the working directory"
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = errNoFile
	case err != nil:
		err = errUnreadable
	}
	return file, err
}

func (l *loader) readFile(path string) (File, error) {
	if l.in.ReadFile == nil {
		return File{}, errors.New("no files are at hand here")
	}
	file, err := l.in.ReadFile(path)
	if err == nil && len(file.Data) > maxFileSize {
		err = fmt.Errorf("it has %d bytes, more than %d", len(file.Data), maxFileSize)
	}
	return file, err
}

func (l *loader) envLines(file File) []placedVar {
	lines, bad := parseEnv(file.Data)
	src := &source{name: file.Path}
	for _, e := range bad {
		l.report(src.problem(ruleEnvFileLine, e.Line, 1, e.Message, e.Hint))
	}
	vars := make([]placedVar, len(lines))
	first := map[string]int{}
	for i, v := range lines {
		vars[i] = placedVar{v.EnvVar, Position{file.Path, v.line, 1}}
		add := func(f finding) { l.report(src.problem(f.rule, v.line, 1, f.message, f.hint)) }
		check := checker{add: add, show: func(_, value string) string { return quote(value) }}
		checkEnvName(check, "", v.Name)
		if line, twice := first[v.Name]; twice {
			check.bad(ruleEnvTwice, "", fmt.Sprintf("%s is set twice in this file, first on line %d; this one counts", v.Name, line), "keep one of the two")
		} else {
			first[v.Name] = v.line
		}
	}
	return vars
}

// warnConcurrency reminds of maxconcurrency where a whole file leaves it out:
// one request at a time is rarely what a web page wants.
func (l *loader) warnConcurrency(root *node) {
	p, _ := root.find("components")
	for _, component := range p.value.pairs {
		if component.value.get("maxconcurrency") != nil {
			return
		}
	}
	if len(p.value.pairs) > 0 {
		l.problem(p.key, "components", ruleConcurrency, "maxconcurrency is set nowhere, so each container gets one request at a time",
			"write maxconcurrency: 20, or 1 where one at a time is meant")
	}
}
