package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const kafkaPatience = 30 * time.Second

var kafkas clients[*kgo.Client]

func kafkaClient(brokers []string) (*kgo.Client, error) {
	if len(brokers) == 0 {
		return nil, fmt.Errorf("no brokers given; expected addresses such as 127.0.0.1:9092")
	}
	return kafkas.get(strings.Join(brokers, ","), func() (*kgo.Client, error) {
		return kgo.NewClient(
			kgo.SeedBrokers(brokers...),
			kgo.ClientID("k6"),
			kgo.ProducerLinger(2*time.Millisecond),
			kgo.ProducerBatchMaxBytes(4<<20),
			kgo.RecordDeliveryTimeout(kafkaPatience),
		)
	})
}

// Kafka is the module k6/x/kafka.
type Kafka struct{}

// Message is a record to produce. Without a key any partition will do.
type Message struct {
	Key     string            `js:"key"`
	Value   string            `js:"value"`
	Headers map[string]string `js:"headers"`
}

// Produce returns the records' offsets once all in-sync replicas have them (acks=all, idempotent). It fails if one of them could not be stored.
func (Kafka) Produce(brokers []string, topic string, messages []Message) ([]int64, error) {
	client, err := kafkaClient(brokers)
	if err != nil {
		return nil, err
	}
	records := make([]*kgo.Record, len(messages))
	for i, message := range messages {
		record := &kgo.Record{Topic: topic, Value: []byte(message.Value)}
		if message.Key != "" {
			record.Key = []byte(message.Key)
		}
		for name, value := range message.Headers {
			record.Headers = append(record.Headers, kgo.RecordHeader{Key: name, Value: []byte(value)})
		}
		records[i] = record
	}
	ctx, cancel := context.WithTimeout(context.Background(), kafkaPatience)
	defer cancel()
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return nil, err
	}
	offsets := make([]int64, len(records))
	for i, record := range records {
		offsets[i] = record.Offset
	}
	return offsets, nil
}

// EndOffsets returns the high watermark of each partition of a topic, in order.
func (Kafka) EndOffsets(brokers []string, topic string, partitions int32) ([]int64, error) {
	client, err := kafkaClient(brokers)
	if err != nil {
		return nil, err
	}
	wanted := kmsg.NewListOffsetsRequestTopic()
	wanted.Topic = topic
	for partition := int32(0); partition < partitions; partition++ {
		each := kmsg.NewListOffsetsRequestTopicPartition()
		each.Partition = partition
		each.Timestamp = -1
		wanted.Partitions = append(wanted.Partitions, each)
	}
	request := kmsg.NewPtrListOffsetsRequest()
	request.Topics = append(request.Topics, wanted)
	ctx, cancel := context.WithTimeout(context.Background(), kafkaPatience)
	defer cancel()
	ends := make([]int64, partitions)
	for _, shard := range client.RequestSharded(ctx, request) {
		if shard.Err != nil {
			return nil, shard.Err
		}
		for _, answered := range shard.Resp.(*kmsg.ListOffsetsResponse).Topics {
			for _, partition := range answered.Partitions {
				if err := kerr.ErrorForCode(partition.ErrorCode); err != nil {
					return nil, err
				}
				ends[partition.Partition] = partition.Offset
			}
		}
	}
	return ends, nil
}
