package cluster

// publicSource leaves out the values of variables, and of a proxy's address
// what may be a password.
func publicSource(row *SourceRow) *SourceRow {
	out, spec := *row, *row.Spec
	if len(spec.Variables) > 0 {
		out.Withheld = append(out.Withheld, "variables")
	}
	spec.Variables = nil
	if spec.Git != nil {
		git := *spec.Git
		if git.Proxy != "" {
			out.Withheld = append(out.Withheld, "proxy")
		}
		git.Proxy = ""
		spec.Git = &git
	}
	out.Spec = &spec
	return &out
}

// publicStatus leaves out problems, which may quote a line of the file.
func publicStatus(row *ProjectStatus) *ProjectStatus {
	out := *row
	out.Problems = nil
	return &out
}

// publicNotifier leaves out a webhook's address: many are secrets themselves.
func publicNotifier(row *NotifierRow) *NotifierRow {
	out, spec := *row, *row.Spec
	spec.Webhook = ""
	out.Spec = &spec
	return &out
}
