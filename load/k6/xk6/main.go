// k6 with three modules of ours, k6/x/kafka (franz-go), k6/x/nats (nats.go) and k6/x/sse (server-sent events, which plain k6 cannot read as they come), and
// an output of one line a second, for plots.
package main

import (
	k6cmd "go.k6.io/k6/cmd"
	"go.k6.io/k6/js/modules"
	"go.k6.io/k6/output"
)

func init() {
	modules.Register("k6/x/kafka", Kafka{})
	modules.Register("k6/x/nats", Nats{})
	modules.Register("k6/x/sse", Sse{})
	output.RegisterExtension("series", newSeries)
}

func main() { k6cmd.Execute() }
