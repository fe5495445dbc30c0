package project

// Rule is one kind of mistake that a validation finds. Its id never changes
// and is never used for another kind.
type Rule struct {
	ID       string
	Severity Severity
	Summary  string
}

// The ids by the names that the code uses.
const (
	ruleSize         = "MAEL001"
	ruleEncoding     = "MAEL002"
	ruleControl      = "MAEL003"
	ruleTab          = "MAEL004"
	ruleSyntax       = "MAEL005"
	ruleEmpty        = "MAEL006"
	ruleDocuments    = "MAEL007"
	ruleDuplicateKey = "MAEL008"
	ruleUnknownKey   = "MAEL009"
	ruleMissing      = "MAEL010"
	ruleType         = "MAEL011"
	ruleTag          = "MAEL012"
	ruleAlias        = "MAEL013"
	ruleRecursion    = "MAEL014"
	ruleExpansion    = "MAEL015"
	ruleDepth        = "MAEL016"
	ruleUnset        = "MAEL017"
	ruleUnsetAllowed = "MAEL018"
	ruleName         = "MAEL019"
	ruleNameLength   = "MAEL020"
	ruleNameTwice    = "MAEL021"
	ruleRange        = "MAEL022"
	ruleRelation     = "MAEL023"
	ruleEnum         = "MAEL024"
	ruleEmptyItem    = "MAEL025"
	ruleEnvironment  = "MAEL026"
	ruleEnvTwice     = "MAEL027"
	ruleEnvReserved  = "MAEL028"
	ruleEnvBlank     = "MAEL029"
	ruleEnvFile      = "MAEL030"
	ruleEnvFileLine  = "MAEL031"
	ruleEnvFilePlace = "MAEL032"
	ruleImage        = "MAEL033"
	rulePorts        = "MAEL034"
	ruleUlimits      = "MAEL035"
	ruleDNS          = "MAEL036"
	ruleVolume       = "MAEL037"
	ruleUser         = "MAEL038"
	ruleEngine       = "MAEL039"
	rulePath         = "MAEL040"
	ruleHostname     = "MAEL041"
	ruleSourceType   = "MAEL042"
	ruleRouteTwice   = "MAEL043"
	ruleSchedule     = "MAEL044"
	ruleCrontab      = "MAEL045"
	ruleFolded       = "MAEL046"
	ruleRequest      = "MAEL047"
	ruleProjectTwice = "MAEL048"
	ruleConcurrency  = "MAEL049"
	ruleNotRun       = "MAEL050"
	ruleNever        = "MAEL051"
	ruleTooMany      = "MAEL052"
	ruleUnreadable   = "MAEL053"
	ruleFileMount    = "MAEL054"
	ruleFileRead     = "MAEL055"
	ruleCovered      = "MAEL056"
	ruleWake         = "MAEL057"
	ruleLabel        = "MAEL058"
)

// Rules is every rule, by id.
var Rules = []Rule{
	{ruleSize, Error, "the file is larger than 1 MiB"},
	{ruleEncoding, Error, "the file is not UTF-8"},
	{ruleControl, Error, "a NUL or another control character"},
	{ruleTab, Error, "a tab used as indentation"},
	{ruleSyntax, Error, "the file is not YAML"},
	{ruleEmpty, Error, "the file is empty or holds comments only"},
	{ruleDocuments, Error, "the file holds more than one document"},
	{ruleDuplicateKey, Error, "a key is written twice in one mapping"},
	{ruleUnknownKey, Error, "a key that does not exist"},
	{ruleMissing, Error, "a required key is missing"},
	{ruleType, Error, "a value of the wrong type"},
	{ruleTag, Error, "an unknown YAML tag"},
	{ruleAlias, Error, "an alias of an anchor that does not exist"},
	{ruleRecursion, Error, "an alias that contains itself"},
	{ruleExpansion, Error, "aliases that expand to too much"},
	{ruleDepth, Error, "nesting that is too deep"},
	{ruleUnset, Error, "a variable that is not set"},
	{ruleUnsetAllowed, Warning, "a variable that is not set and reads as empty"},
	{ruleName, Error, "a name with a character that names can't hold"},
	{ruleNameLength, Error, "a name that is too long"},
	{ruleNameTwice, Error, "two names that end up as the same full name"},
	{ruleRange, Error, "a number outside of its range"},
	{ruleRelation, Error, "two numbers that contradict each other"},
	{ruleEnum, Error, "a word that is not one of those allowed"},
	{ruleEmptyItem, Error, "a list item without a value"},
	{ruleEnvironment, Error, "an environment entry that is not NAME=value"},
	{ruleEnvTwice, Warning, "an environment variable that is set twice in one list"},
	{ruleEnvReserved, Warning, "an environment variable with a reserved name"},
	{ruleEnvBlank, Warning, "an environment variable with a blank in its name"},
	{ruleEnvFile, Error, "an envfile that can't be read"},
	{ruleEnvFileLine, Error, "a line of an envfile that can't be read"},
	{ruleEnvFilePlace, Warning, "an envfile that was not found beside the file"},
	{ruleImage, Error, "an image reference that no engine accepts"},
	{rulePorts, Error, "a port mapping that no engine accepts"},
	{ruleUlimits, Error, "a ulimit that no engine accepts"},
	{ruleDNS, Error, "a dns entry that is not an address"},
	{ruleVolume, Error, "a volume that no engine accepts"},
	{ruleUser, Error, "a user that no engine accepts"},
	{ruleEngine, Error, "a word that no engine accepts"},
	{rulePath, Error, "a path that does not start with a slash"},
	{ruleHostname, Error, "a hostname that no request can carry"},
	{ruleSourceType, Error, "an event source that has not exactly one type"},
	{ruleRouteTwice, Error, "the same host and path prefix twice"},
	{ruleSchedule, Error, "a schedule that can't be read"},
	{ruleCrontab, Error, "a crontab line that is not `schedule /path`"},
	{ruleFolded, Error, "a crontab in a folded block"},
	{ruleRequest, Error, "a method or header that no request can carry"},
	{ruleProjectTwice, Error, "the same project in two files"},
	{ruleConcurrency, Warning, "maxconcurrency is set nowhere"},
	{ruleNotRun, Warning, "an event source of a type that nothing runs yet"},
	{ruleNever, Warning, "a schedule that never comes"},
	{ruleTooMany, Error, "more problems than are told"},
	{ruleUnreadable, Error, "a file that can't be read"},
	{ruleFileMount, Error, "a file for containers that can't be there"},
	{ruleFileRead, Error, "a file for containers that can't be read"},
	{ruleCovered, Warning, "a host that another project's wildcard covers as well"},
	{ruleWake, Error, "a wake rule that no request meets, or that says nothing"},
	{ruleLabel, Error, "a label that no node can have"},
}

var severities = func() map[string]Severity {
	by := make(map[string]Severity, len(Rules))
	for _, r := range Rules {
		by[r.ID] = r.Severity
	}
	return by
}()
