// A client of Beamline that shares no code with it: franz-go for Kafka and the schema registry, hamba/avro as serialiser.
//
//	foreign produce -brokers b -registry url -topic t -subject s [-schema text] -flow f -count n
//	foreign consume -brokers b -registry url -topic t -count n
//
// The first registers the schema (or takes the subject's latest) and sends n submissions; the second prints n records, decoded, as JSON lines.
package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/hamba/avro/v2"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
)

const timeout = 60 * time.Second

type options struct {
	brokers, registry, topic, subject, schema, flow, tenant, keys string
	count                                                         int
}

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("expected produce or consume"))
	}
	var o options
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	flags.StringVar(&o.brokers, "brokers", "", "host:port,...")
	flags.StringVar(&o.registry, "registry", "", "address of the schema registry")
	flags.StringVar(&o.topic, "topic", "", "full name of the topic")
	flags.StringVar(&o.subject, "subject", "", "subject of the schema")
	flags.StringVar(&o.schema, "schema", "", "schema to register; default: the subject's latest")
	flags.StringVar(&o.flow, "flow", "", "flow to run")
	flags.StringVar(&o.tenant, "tenant", "", "header tenant_id")
	flags.StringVar(&o.keys, "keys", "", "header idempotency_key is this and a number")
	flags.IntVar(&o.count, "count", 1, "records")
	_ = flags.Parse(os.Args[2:])
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	registry, err := sr.NewClient(sr.URLs(o.registry))
	fail(err)
	switch os.Args[1] {
	case "produce":
		fail(produce(ctx, o, registry))
	case "consume":
		fail(consume(ctx, o, registry))
	default:
		fail(fmt.Errorf("expected produce or consume, not %s", os.Args[1]))
	}
}

func produce(ctx context.Context, o options, registry *sr.Client) error {
	found, err := schemaToWrite(ctx, o, registry)
	if err != nil {
		return err
	}
	schema, err := avro.Parse(found.Schema.Schema)
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(o.brokers, ",")...), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	if err != nil {
		return err
	}
	defer client.Close()
	for i := 0; i < o.count; i++ {
		input, _ := json.Marshal(map[string]int{"n": i})
		payload, err := avro.Marshal(schema, map[string]any{"kind": "SubmitRun", "flow": o.flow, "input": string(input)})
		if err != nil {
			return err
		}
		key := make([]byte, 8) // any bytes will do
		_, _ = rand.Read(key)
		record := &kgo.Record{Topic: o.topic, Key: key, Value: wire(found.ID, payload), Headers: headers(o, i)}
		if err := client.ProduceSync(ctx, record).FirstErr(); err != nil {
			return err
		}
	}
	fmt.Println(found.ID)
	return nil
}

func schemaToWrite(ctx context.Context, o options, registry *sr.Client) (sr.SubjectSchema, error) {
	if o.schema == "" {
		return registry.SchemaByVersion(ctx, o.subject, -1)
	}
	return registry.CreateSchema(ctx, o.subject, sr.Schema{Schema: o.schema, Type: sr.TypeAvro})
}

func headers(o options, i int) []kgo.RecordHeader {
	trace := make([]byte, 24)
	_, _ = rand.Read(trace)
	found := []kgo.RecordHeader{{Key: "traceparent", Value: fmt.Appendf(nil, "00-%x-%x-01", trace[:16], trace[16:])}}
	if o.tenant != "" {
		found = append(found, kgo.RecordHeader{Key: "tenant_id", Value: []byte(o.tenant)})
	}
	if o.keys != "" {
		found = append(found, kgo.RecordHeader{Key: "idempotency_key", Value: fmt.Appendf(nil, "%s%d", o.keys, i)})
	}
	return found
}

func wire(id int, payload []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)), payload...)
}

func consume(ctx context.Context, o options, registry *sr.Client) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(strings.Split(o.brokers, ",")...),
		kgo.ConsumeTopics(o.topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	schemas := map[int]avro.Schema{}
	for seen := 0; seen < o.count; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return fmt.Errorf("after %d of %d records: %w", seen, o.count, err)
		}
		for _, record := range fetches.Records() {
			if err := show(ctx, record, registry, schemas); err != nil {
				return err
			}
			seen++
		}
	}
	return nil
}

func show(ctx context.Context, record *kgo.Record, registry *sr.Client, schemas map[int]avro.Schema) error {
	if len(record.Value) < 5 || record.Value[0] != 0 {
		return fmt.Errorf("record at %d/%d is not of the wire form", record.Partition, record.Offset)
	}
	id := int(binary.BigEndian.Uint32(record.Value[1:]))
	if schemas[id] == nil {
		found, err := registry.SchemaByID(ctx, id)
		if err != nil {
			return err
		}
		// a cache of its own: schemas of different subjects may use one name
		if schemas[id], err = avro.ParseWithCache(found.Schema, "", &avro.SchemaCache{}); err != nil {
			return err
		}
	}
	var value map[string]any
	if err := avro.Unmarshal(schemas[id], record.Value[5:], &value); err != nil {
		return fmt.Errorf("schema %d: %w", id, err)
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"schema_id": id, "key": string(record.Key), "value": value})
}

func fail(err error) {
	if err == nil {
		return
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
