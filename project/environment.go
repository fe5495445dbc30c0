package project

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
)

// reservedPrefix begins the names that maelstrom itself sets.
const reservedPrefix = "MAELSTROM_"

// The environment variables that every container gets.
const (
	EnvPrivateURL       = "MAELSTROM_PRIVATE_URL"
	EnvComponentName    = "MAELSTROM_COMPONENT_NAME"
	EnvComponentVersion = "MAELSTROM_COMPONENT_VERSION"
	EnvProjectName      = "MAELSTROM_PROJECT_NAME"
)

// ContainerEnvironment is the environment that a container of c gets: the
// merged one of the file and the injected MAELSTROM_* variables, by name.
func ContainerEnvironment(c *Component, version int64, privateURL string) []EnvVar {
	return containerEnvironment(c, strconv.FormatInt(version, 10), privateURL)
}

func containerEnvironment(c *Component, version, privateURL string) []EnvVar {
	vars := map[string]string{}
	for _, v := range c.Environment {
		if !strings.HasPrefix(v.Name, reservedPrefix) {
			vars[v.Name] = v.Value
		}
	}
	vars[EnvPrivateURL] = privateURL
	vars[EnvComponentName] = c.Name
	vars[EnvComponentVersion] = version
	vars[EnvProjectName] = c.Project
	return sortedEnv(vars)
}

func sortedEnv(vars map[string]string) []EnvVar {
	if len(vars) == 0 {
		return nil
	}
	out := make([]EnvVar, 0, len(vars))
	for name, value := range vars {
		out = append(out, EnvVar{name, value})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// placedVar is an environment variable and where it was written.
type placedVar struct {
	EnvVar
	at Position
}

// mergedEnv lays environments over each other, the last one on top, sorts them
// by name and leaves reserved names out.
func mergedEnv(layers ...[]placedVar) []placedVar {
	last := map[string]placedVar{}
	for _, layer := range layers {
		for _, v := range layer {
			if !strings.HasPrefix(v.Name, reservedPrefix) {
				last[v.Name] = v
			}
		}
	}
	out := make([]placedVar, 0, len(last))
	for _, v := range last {
		out = append(out, v)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Name < out[j].Name })
	return out
}

// environmentEntries reads a list of NAME=value. Messages never repeat an
// entry, only its name.
func environmentEntries(c checker, at string, list []string, where func(i int) Position) []placedVar {
	vars := make([]placedVar, 0, len(list))
	first := map[string]int{}
	for i, entry := range list {
		name, value, found := strings.Cut(entry, "=")
		if !found || name == "" {
			c.bad(ruleEnvironment, index(at, i), "an entry that is not NAME=value", "write NAME=value, or NAME= for an empty value")
			continue
		}
		checkEnvName(c, index(at, i), name)
		if j, twice := first[name]; twice {
			c.bad(ruleEnvTwice, index(at, i), fmt.Sprintf("%s is set twice in this list, first on line %d; this one counts", name, where(j).Line), "keep one of the two")
		} else {
			first[name] = i
		}
		vars = append(vars, placedVar{EnvVar{name, value}, where(i)})
	}
	return vars
}

// checkEnvName warns of names that will not do what they seem to.
func checkEnvName(c checker, at, name string) {
	switch {
	case name == "" || strings.Contains(name, "="):
		c.bad(ruleEnvironment, at, "an environment variable without a usable name", "write a name without =")
	case strings.HasPrefix(name, reservedPrefix):
		c.bad(ruleEnvReserved, at, name+" is reserved and not passed on", "names that begin with MAELSTROM_ are set by maelstrom itself; choose another")
	case strings.ContainsAny(name, " \t"):
		c.bad(ruleEnvBlank, at, "the name "+quote(name)+" holds a blank", "write NAME=value without blanks around =")
	}
}
