package main

import (
	"time"

	"github.com/nats-io/nats.go"
)

var natses clients[*nats.Conn]

func natsClient(url string) (*nats.Conn, error) {
	return natses.get(url, func() (*nats.Conn, error) { return nats.Connect(url, nats.Name("k6"), nats.MaxReconnects(-1)) })
}

// Nats is the module k6/x/nats.
type Nats struct{}

// Publish sends without waiting for anybody.
func (Nats) Publish(url, subject, data string, headers map[string]string) error {
	client, err := natsClient(url)
	if err != nil {
		return err
	}
	return client.PublishMsg(natsMessage(subject, data, headers))
}

// Request returns the first answer; it fails if there is none within the time.
func (Nats) Request(url, subject, data string, headers map[string]string, timeoutMs int64) (string, error) {
	client, err := natsClient(url)
	if err != nil {
		return "", err
	}
	answer, err := client.RequestMsg(natsMessage(subject, data, headers), time.Duration(timeoutMs)*time.Millisecond)
	if err != nil {
		return "", err
	}
	return string(answer.Data), nil
}

// Flush returns once the server has taken everything published before.
func (Nats) Flush(url string, timeoutMs int64) error {
	client, err := natsClient(url)
	if err != nil {
		return err
	}
	return client.FlushTimeout(time.Duration(timeoutMs) * time.Millisecond)
}

func natsMessage(subject, data string, headers map[string]string) *nats.Msg {
	message := nats.NewMsg(subject)
	message.Data = []byte(data)
	for name, value := range headers {
		message.Header.Set(name, value)
	}
	return message
}
