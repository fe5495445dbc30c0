package runtime

// detailOf is a message without the output in it.
func detailOf(message string) string { return message }
