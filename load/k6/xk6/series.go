package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"go.k6.io/k6/metrics"
	"go.k6.io/k6/output"
)

// series is the output `--out series=FILE`: one line of JSON a second, metric and scenario, which is all that a plot needs and costs next to nothing.
type series struct {
	path string
	file *os.File
	to   *bufio.Writer

	mu      sync.Mutex
	seconds map[int64]map[seriesKey]*bucket

	flusher *output.PeriodicFlusher
}

type seriesKey struct{ metric, scenario string }

type bucket struct {
	kind   metrics.MetricType
	values []float64
	sum    float64
	last   float64
}

// Samples of a second may arrive a little after it.
const seriesLag = 3

var wanted = []string{"http_reqs", "http_req_failed", "http_req_duration", "dropped_iterations", "vus", "data_sent", "data_received"}

func newSeries(params output.Params) (output.Output, error) {
	if params.ConfigArgument == "" {
		return nil, fmt.Errorf("--out series needs a file: --out series=FILE")
	}
	return &series{path: params.ConfigArgument, seconds: map[int64]map[seriesKey]*bucket{}}, nil
}

func (s *series) Description() string { return "series (" + s.path + ")" }

func (s *series) Start() error {
	file, err := os.Create(s.path)
	if err != nil {
		return err
	}
	s.file, s.to = file, bufio.NewWriter(file)
	s.flusher, err = output.NewPeriodicFlusher(time.Second, func() { s.write(time.Now().Unix() - seriesLag) })
	return err
}

func (s *series) AddMetricSamples(containers []metrics.SampleContainer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, container := range containers {
		for _, sample := range container.GetSamples() {
			if strings.HasPrefix(sample.Metric.Name, "beamline_") || slices.Contains(wanted, sample.Metric.Name) {
				s.add(sample)
			}
		}
	}
}

func (s *series) add(sample metrics.Sample) {
	second := sample.Time.Unix()
	buckets := s.seconds[second]
	if buckets == nil {
		buckets = map[seriesKey]*bucket{}
		s.seconds[second] = buckets
	}
	scenario, _ := sample.Tags.Get("scenario")
	key := seriesKey{sample.Metric.Name, scenario}
	b := buckets[key]
	if b == nil {
		b = &bucket{kind: sample.Metric.Type}
		buckets[key] = b
	}
	b.sum += sample.Value
	b.last = sample.Value
	if b.kind == metrics.Trend || b.kind == metrics.Rate {
		b.values = append(b.values, sample.Value)
	}
}

type seriesLine struct {
	Second   int64   `json:"second"`
	Metric   string  `json:"metric"`
	Scenario string  `json:"scenario,omitempty"`
	Count    int     `json:"count,omitempty"`
	Value    float64 `json:"value"`
	P50      float64 `json:"p50,omitempty"`
	P95      float64 `json:"p95,omitempty"`
	P99      float64 `json:"p99,omitempty"`
	Max      float64 `json:"max,omitempty"`
}

func (s *series) write(through int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seconds := make([]int64, 0, len(s.seconds))
	for second := range s.seconds {
		if second <= through {
			seconds = append(seconds, second)
		}
	}
	slices.Sort(seconds)
	encoder := json.NewEncoder(s.to)
	for _, second := range seconds {
		for key, b := range s.seconds[second] {
			_ = encoder.Encode(b.line(second, key))
		}
		delete(s.seconds, second)
	}
}

func (b *bucket) line(second int64, key seriesKey) seriesLine {
	line := seriesLine{Second: second, Metric: key.metric, Scenario: key.scenario, Count: len(b.values)}
	switch b.kind {
	case metrics.Trend:
		slices.Sort(b.values)
		at := func(share float64) float64 { return b.values[min(len(b.values)-1, int(share*float64(len(b.values))))] }
		line.Value = b.sum / float64(len(b.values))
		line.P50, line.P95, line.P99, line.Max = at(0.5), at(0.95), at(0.99), at(1)
	case metrics.Rate:
		line.Value = b.sum / float64(len(b.values))
	case metrics.Gauge:
		line.Value = b.last
	default:
		line.Value = b.sum
	}
	return line
}

func (s *series) Stop() error {
	s.flusher.Stop()
	s.write(1 << 62)
	if err := s.to.Flush(); err != nil {
		return err
	}
	return s.file.Close()
}
