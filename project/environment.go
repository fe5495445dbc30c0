package project

// ContainerEnvironment is the environment that a container of c gets: the
// merged one of the file and the injected MAELSTROM_* variables, by name.
func ContainerEnvironment(c *Component, version int64, privateURL string) []EnvVar { return nil }
