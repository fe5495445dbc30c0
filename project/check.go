package project

// ValidateComponent checks a component that did not come from a file; the
// problems carry no position and paths relative to the component.
func ValidateComponent(c *Component) []Problem { return nil }

// ValidateEventSource checks an event source that did not come from a file;
// the problems carry no position and paths relative to the event source.
func ValidateEventSource(e *EventSource) []Problem { return nil }
