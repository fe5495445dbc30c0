package project

import (
	"math"
	"reflect"
	"strings"
)

// key is what the file may say under one key: the single description from
// which the decoder, the range checks, the JSON Schema and the reference in
// docs are made.
type key struct {
	name     string
	doc      string
	def      any // the value that applies when it is not written
	min, max float64
	enum     []string
	required bool
	secret   bool   // never repeated in a message
	pattern  string // of a text, as far as a schema can tell
	duration bool   // of seconds, which may be written as 90m
	word     string // that may stand for an empty list
}

// summary is what the key is, in one clause.
func (k key) summary() string {
	sentence, _, _ := strings.Cut(k.doc, ".")
	clause := sentence
	if end := strings.IndexAny(sentence, ",(;"); end > 0 {
		clause = strings.TrimSpace(sentence[:end])
	}
	return strings.ToLower(clause[:1]) + clause[1:]
}

// unbounded marks a number whose only limit is what an integer of 32 bits can
// hold; larger ones overflow a duration or a size in bytes.
const unbounded = math.MaxInt32

// wakeAlways is how a file says that every request may wake a component.
const wakeAlways = "always"

// pathPattern is a path, or a text whose variable may begin with one; an empty
// one counts as not written.
const pathPattern = `^/[^\x00-\x20\x7f]*$|^$|` + variablePattern

var projectKeys = []key{
	{name: "schema", doc: "Version of this contract.", def: 1, min: 1, max: 1},
	{name: "name", doc: "Name of the project, at most 20 letters, digits, _ and -. It is lower-cased and prefixes the names of components and event sources.", required: true, pattern: `^[A-Za-z0-9_-]{1,20}$|` + variablePattern},
	{name: "environment", doc: "Environment variables of every component, as NAME=value. A component's own win.", secret: true},
	{name: "envfile", doc: "A dotenv file beside this one with more environment variables. Both environment lists win over it."},
	{name: "components", doc: "The components of the project by name.", required: true},
}

var componentKeys = []key{
	{name: "image", doc: "Image reference of the container.", required: true},
	{name: "command", doc: "Arguments of the container; the image's own when not set."},
	{name: "entrypoint", doc: "Entry point of the container; the image's own when not set."},
	{name: "environment", doc: "Environment variables, as NAME=value.", secret: true},
	{name: "reservememory", doc: "Memory in MiB that is set aside for each instance, in the engine and in placement.", def: DefaultReserveMemory, max: unbounded},
	{name: "limitmemory", doc: "Hard memory limit of each instance in MiB, at least reservememory; 0: none.", max: unbounded},
	{name: "cpushares", doc: "Relative CPU weight; 0: the engine's default.", max: unbounded},
	{name: "maxconcurrency", doc: "Requests that one instance serves at a time; more wait in a queue.", def: DefaultMaxConcurrency, max: unbounded},
	{name: "softconcurrencylimit", doc: "Don't queue at maxconcurrency; the limit only feeds autoscaling.", def: false},
	{name: "balance", doc: "Which instance with a free slot gets a request: each in its turn, or the less loaded of two.", def: string(BalanceRoundRobin), enum: []string{"roundrobin", "leastloaded"}},
	{name: "mininstances", doc: "Instances that always run.", max: unbounded},
	{name: "maxinstances", doc: "Instances that may run at most in the cluster; 0: no limit.", max: unbounded},
	{name: "maxinstancespernode", doc: "Instances that may run at most on one node; 0: no limit.", max: unbounded},
	{name: "scaledownconcurrencypct", doc: "Below this share of the concurrency in use, instances are stopped.", def: DefaultScaleDownConcurrencyPct, max: 1},
	{name: "scaleupconcurrencypct", doc: "Above this share of the concurrency in use, instances are started.", def: DefaultScaleUpConcurrencyPct, max: 1},
	{name: "spareslots", doc: "Slots for requests that are kept free beside the load while the component is awake.", max: unbounded},
	{name: "scaledowndelayseconds", doc: "Time for which fewer instances must have been enough before some are stopped.", max: 3600},
	{name: "maxdurationseconds", doc: "Longest time a request may take, waiting included.", def: DefaultMaxDurationSeconds, max: unbounded},
	{name: "idletimeoutseconds", doc: "Time without a request after which the component sleeps.", def: DefaultIdleTimeoutSeconds, max: unbounded},
	{name: "idle", doc: "Sleep after idletimeoutseconds, or as what was learned of the times between requests says.", def: string(IdleFixed), enum: []string{"fixed", "learned"}},
	{name: "drainseconds", doc: "Time that a stopping instance may use to finish its requests.", def: DefaultDrainSeconds, max: unbounded},
	{name: "httpport", doc: "Port on which the container listens.", def: DefaultHTTPPort, min: 1, max: 65535},
	{name: "protocol", doc: "Protocol spoken to the container: HTTP/1.1, or HTTP/2 in clear.", def: DefaultProtocol, enum: []string{"http", "h2c"}},
	{name: "httphealthcheckpath", doc: "Path that answers 200 when the container can serve.", def: DefaultHTTPHealthCheckPath, pattern: pathPattern},
	{name: "httpstarthealthcheckseconds", doc: "Time that a starting container has to answer its health check; negative: no check at the start.", def: DefaultHTTPStartHealthCheckSeconds, min: -unbounded, max: unbounded},
	{name: "httphealthcheckseconds", doc: "Time between two health checks.", def: DefaultHTTPHealthCheckSeconds, max: unbounded},
	{name: "httphealthcheckmaxfailures", doc: "Failed checks in a row after which an instance is suspect, and replaced if another can serve.", def: DefaultHTTPHealthCheckMaxFailures, max: unbounded},
	{name: "healthcheckfailedcommand", doc: "Command run in the container before it is stopped for failed health checks."},
	{name: "restartorder", doc: "On a change, start the new instance first or stop the old one first. When not set: startstop, but stopstart where two instances can't live side by side.", enum: []string{"startstop", "stopstart"}},
	{name: "startparallelism", doc: "Start instances side by side, one after the other, or the first alone.", def: string(StartParallel), enum: []string{"parallel", "series", "seriesfirst"}},
	{name: "nodes", doc: "Labels that a node must have to run the component, as name: value; see MAEL_NODE_LABELS."},
	{name: "placement", doc: "Place instances on the emptiest nodes, or on the fullest. When not set: spread with mininstances, else pack.", enum: []string{"spread", "pack"}},
	{name: "ondisconnect", doc: "What a node does with its instances when it reaches neither the database nor who decides, and other nodes do. When not set: stop with maxinstances, else keep.", enum: []string{"keep", "stop"}},
	{name: "logdriver", doc: "Log driver of the engine; maelstrom: copy the output to the daemon's log."},
	{name: "logdriveroptions", doc: "Options of the log driver.", secret: true},
	{name: "volumes", doc: "Mounts of the container."},
	{name: "files", doc: "Files that the container finds at their targets, for reading only; at most 1 MiB in all."},
	{name: "ports", doc: "Host port bindings, as [[address:]hostport:]containerport[/protocol]."},
	{name: "networkname", doc: "Network of the engine to join."},
	{name: "dns", doc: "Addresses of name servers."},
	{name: "dnsoptions", doc: "Options for the resolver."},
	{name: "dnssearch", doc: "Search domains for the resolver."},
	{name: "ulimits", doc: "Resource limits, as name=soft[:hard]."},
	{name: "containerinit", doc: "Run an init process in the container.", def: false},
	{name: "user", doc: "User, and group, that the container runs as: user[:group], by name or number."},
	{name: "hostname", doc: "Host name within the container."},
	{name: "domainname", doc: "Domain name within the container."},
	{name: "capadd", doc: "Linux capabilities to add."},
	{name: "capdrop", doc: "Linux capabilities to drop."},
	{name: "releasecommand", doc: "Command run once per version in a container of its own, before the version is rolled out; until it succeeds, the version before stays."},
	{name: "wake", doc: "What may wake the component: always for every request, or a list of what may not.", def: wakeAlways, word: wakeAlways},
	{name: "awake", doc: "Hours in which a minimum of instances runs."},
	{name: "pullcommand", doc: "Command run on the node instead of a pull, without a shell, if the operator allows it (MAEL_PULL_COMMAND); <image> stands for the image."},
	{name: "pullusername", doc: "User name at the registry; without one, the login of the daemon's user counts."},
	{name: "pullpassword", doc: "Password at the registry.", secret: true},
	{name: "pullimageonput", doc: "Pull the image on every node when the component is applied, once a version; its starts wait for it.", def: false},
	{name: "pullimageonstart", doc: "Pull the image before each start; if that fails, the one that is there will do.", def: false},
	{name: "crontab", doc: "Requests on a schedule, one a line: five fields or a descriptor, then the path. Write it as a literal block (|)."},
	{name: "eventsources", doc: "What sends work to the component, by name."},
}

var volumeKeys = []key{
	{name: "type", doc: "Kind of mount.", def: DefaultVolumeType, enum: []string{"bind", "volume", "tmpfs"}},
	{name: "source", doc: "Absolute path on the host, or name of the volume."},
	{name: "target", doc: "Absolute path in the container.", required: true},
	{name: "readonly", doc: "Mount without write access.", def: false},
}

var fileMountKeys = []key{
	{name: "target", doc: "Absolute path in the container.", required: true},
	{name: "source", doc: "A file beside this one whose content it is. This or content is required."},
	{name: "content", doc: "The content itself.", secret: true},
	{name: "encoding", doc: "How content is written.", def: encodingText, enum: []string{encodingText, encodingBase64}},
	{name: "mode", doc: "Mode of the file, in octal digits.", def: DefaultFileMode, pattern: `^0?[0-7]{3}$|` + variablePattern},
	{name: "sensitive", doc: "Never show the content. A diff tells changes by a short keyed hash, which means nothing outside of that daemon.", def: false},
}

var wakeKeys = []key{
	{name: "paths", doc: "Paths of requests, without the query; one that ends in * is a prefix."},
	{name: "methods", doc: "Methods of requests, in upper case."},
	{name: "agents", doc: "Parts of the User-Agent, in any letter case."},
	{name: "sources", doc: "Addresses of clients, or networks such as 10.0.0.0/8."},
	{name: "monitors", doc: "Known monitors and crawlers, by what they call themselves in the User-Agent.", def: false},
	{name: "answer", doc: "Status of the answer while the component is asleep.", def: DefaultWakeAnswer, min: 200, max: 599},
}

var awakeKeys = []key{
	{name: "cron", doc: "When the hours begin: a schedule as that of cron event sources.", required: true},
	{name: "for", doc: "How long they last, such as 10h or 90m, or in seconds; a week at most.", required: true, min: 1, max: maxAwakeSeconds, duration: true},
	{name: "min", doc: "Instances that run at least.", def: DefaultAwakeMin, max: unbounded},
}

var eventSourceKeys = []key{
	{name: "http", doc: "HTTP requests by host and path."},
	{name: "cron", doc: "A request on a schedule."},
	{name: "sqs", doc: "Messages of an AWS SQS queue. Stored, not run yet."},
	{name: "awsstepfunc", doc: "Tasks of an AWS Step Functions activity. Stored, not run yet."},
}

var httpKeys = []key{
	{name: "hostname", doc: "Host of the requests, without scheme and port; *.example.com stands for every name below example.com. This or pathprefix is required."},
	{name: "pathprefix", doc: "Beginning of the requests' path.", pattern: pathPattern},
	{name: "stripprefix", doc: "Cut pathprefix off before the container sees the path.", def: false},
}

var cronKeys = []key{
	{name: "schedule", doc: "Five fields (minute, hour, day of month, month, day of week), a descriptor such as @hourly, or @every 5m; with TZ=zone in front in that time zone.", required: true},
	{name: "http", doc: "The request to send."},
	{name: "overlap", doc: "Fire, or skip a due time, while the request of the one before still runs.", def: string(OverlapAllow), enum: []string{string(OverlapAllow), string(OverlapSkip)}},
	{name: "missed", doc: "Skip due times that nobody could fire within 60 seconds, or fire once for all of them.", def: string(MissedSkip), enum: []string{string(MissedSkip), string(MissedRunOnce)}},
}

var cronHTTPKeys = []key{
	{name: "method", doc: "Method of the request.", required: true},
	{name: "path", doc: "Path of the request, with its query.", required: true, pattern: pathPattern},
	{name: "data", doc: "Body of the request; never sent with GET."},
	{name: "headers", doc: "Header fields of the request.", secret: true},
}

var headerKeys = []key{
	{name: "name", doc: "Name of the header field.", required: true},
	{name: "value", doc: "Value of the header field.", secret: true},
}

var sqsKeys = []key{
	{name: "queuename", doc: "Name of the queue.", required: true},
	{name: "nameasprefix", doc: "Poll every queue whose name begins with queuename.", def: false},
	{name: "path", doc: "Path that messages are posted to.", required: true, pattern: pathPattern},
	{name: "maxconcurrency", doc: "Messages in work at a time.", def: DefaultSQSMaxConcurrency, max: unbounded},
	{name: "messagesperpoll", doc: "Messages fetched at a time.", def: DefaultSQSMessagesPerPoll, max: 10},
	{name: "concurrencyperpoller", doc: "Messages in work at a time for one poller; messagesperpoll when not set.", max: unbounded},
	{name: "visibilitytimeout", doc: "Seconds for which a fetched message is hidden from others.", def: DefaultSQSVisibilityTimeout, max: unbounded},
}

var stepFuncKeys = []key{
	{name: "activityname", doc: "Name of the activity.", required: true},
	{name: "path", doc: "Path that tasks are posted to.", required: true, pattern: pathPattern},
	{name: "maxconcurrency", doc: "Tasks in work at a time.", def: DefaultStepFuncConcurrency, max: unbounded},
	{name: "concurrencyperpoller", doc: "Tasks in work at a time for one poller.", def: DefaultStepFuncConcurrency, max: unbounded},
}

// keysOf are the keys of each mapping of the file, in the order of the
// reference.
var keysOf = map[reflect.Type][]key{
	reflect.TypeFor[fileProject]():       projectKeys,
	reflect.TypeFor[fileComponent]():     componentKeys,
	reflect.TypeFor[Volume]():            volumeKeys,
	reflect.TypeFor[fileFileMount]():     fileMountKeys,
	reflect.TypeFor[WakeRule]():          wakeKeys,
	reflect.TypeFor[AwakeWindow]():       awakeKeys,
	reflect.TypeFor[EventSource]():       eventSourceKeys,
	reflect.TypeFor[HTTPSource]():        httpKeys,
	reflect.TypeFor[CronSource]():        cronKeys,
	reflect.TypeFor[CronHTTP]():          cronHTTPKeys,
	reflect.TypeFor[Header]():            headerKeys,
	reflect.TypeFor[SQSSource]():         sqsKeys,
	reflect.TypeFor[AWSStepFuncSource](): stepFuncKeys,
}
