package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"time"
)

// Latencies of so many events are kept of each stream, drawn evenly from all of them.
const keptLatencies = 200

// One connection per stream, and never a proxy between.
var sseClient = &http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true, ReadBufferSize: 32 << 10}}

// Sse is the module k6/x/sse.
type Sse struct{}

// StreamOptions of Follow.
type StreamOptions struct {
	Headers map[string]string `js:"headers"`
	// How long to follow, in seconds.
	Seconds float64 `js:"seconds"`
	// Breaks the connection after so many seconds on average, and continues with the last id; 0: never.
	CutEvery float64 `js:"cutEvery"`
	// How long the client pauses before it reads each event, in milliseconds: a slow client.
	ReadDelayMs float64 `js:"readDelayMs"`
}

// Followed is what a client saw.
type Followed struct {
	// Of the first answer.
	Status int   `js:"status"`
	Events int64 `js:"events"`
	Bytes  int64 `js:"bytes"`
	// Events by kind.
	Kinds map[string]int64 `js:"kinds"`
	// Positions that did not follow on from the one before in their partition: lower or the same (repeats), higher by more than one (gaps; other tenants' events
	// count as such, so look at it only where there is one tenant).
	Repeats   int64    `js:"repeats"`
	Gaps      int64    `js:"gaps"`
	Snapshots []string `js:"snapshots"`
	Cuts      int64    `js:"cuts"`
	// How often the server ended the connection.
	Ends      int64     `js:"ends"`
	Latencies []float64 `js:"latencies"`
	// Why it could not go on, if it could not.
	Error string `js:"error"`
}

// follower keeps what it counts in forms that need no memory for each event: a thousand of them read half a million events a second.
type follower struct {
	Followed
	options StreamOptions
	lastID  []byte
	kinds   map[string]*int64
	// By partition, the offset that should come next; -1 before the first.
	next []int64
}

// Follow reads a stream until the time is over; a connection that ends is opened again where it stood.
func (Sse) Follow(url string, options StreamOptions) *Followed {
	f := &follower{options: options, kinds: map[string]*int64{}}
	end := time.Now().Add(seconds(options.Seconds))
	for time.Now().Before(end) {
		until := end
		if options.CutEvery > 0 {
			if cut := time.Now().Add(seconds(options.CutEvery * (0.5 + rand.Float64()))); cut.Before(end) {
				until = cut
			}
		}
		if err := f.read(url, until); err != nil {
			f.Error = err.Error()
			break
		}
		if f.Status != http.StatusOK {
			break
		}
		if time.Now().Before(until) {
			f.Ends++
		} else if until.Before(end) {
			f.Cuts++
		}
	}
	f.Kinds = map[string]int64{}
	for kind, count := range f.kinds {
		f.Kinds[kind] = *count
	}
	return &f.Followed
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (f *follower) read(url string, until time.Time) error {
	ctx, cancel := context.WithDeadline(context.Background(), until)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	for name, value := range f.options.Headers {
		request.Header.Set(name, value)
	}
	if len(f.lastID) > 0 {
		request.Header.Set("Last-Event-ID", string(f.lastID))
	}
	answer, err := sseClient.Do(request)
	if err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer answer.Body.Close()
	f.Status = answer.StatusCode
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(answer.Body, 500))
		return fmt.Errorf("status %d: %s", answer.StatusCode, body)
	}
	return f.blocks(bufio.NewReaderSize(answer.Body, 64<<10), ctx)
}

// blocks reads until the connection ends, which is no error.
func (f *follower) blocks(reader *bufio.Reader, ctx context.Context) error {
	var id, event, data []byte
	for {
		line, err := reader.ReadSlice('\n')
		if err != nil {
			if ctx.Err() == nil && err != io.EOF && err != io.ErrUnexpectedEOF {
				return err
			}
			return nil
		}
		f.Bytes += int64(len(line))
		line = line[:len(line)-1]
		if name, value, _ := bytes.Cut(line, []byte(": ")); len(line) == 0 {
			if len(id) > 0 {
				f.lastID = append(f.lastID[:0], id...)
			}
			if len(data) > 0 {
				f.event(event, data)
			}
			id, event, data = id[:0], event[:0], data[:0]
		} else if string(name) == "id" {
			id = append(id[:0], value...)
		} else if string(name) == "event" {
			event = append(event[:0], value...)
		} else if string(name) == "data" {
			data = append(data[:0], value...)
		}
	}
}

func (f *follower) event(event, data []byte) {
	if string(event) == "snapshot_required" {
		f.Snapshots = append(f.Snapshots, string(after(data, `"reason":"`, '"')))
		return
	}
	f.Events++
	kind := after(data, `"kind":"`, '"')
	count, known := f.kinds[string(kind)]
	if !known {
		count = new(int64)
		f.kinds[string(kind)] = count
	}
	*count++
	f.place(after(data, `"position":"events/`, '"'))
	if at, ok := number(after(data, `"at_ms":`, ',')); ok {
		f.sample(float64(time.Now().UnixMicro())/1000 - float64(at))
	}
	if f.options.ReadDelayMs > 0 {
		time.Sleep(time.Duration(f.options.ReadDelayMs * float64(time.Millisecond)))
	}
}

// place looks at a position such as 3/117.
func (f *follower) place(position []byte) {
	before, rest, _ := bytes.Cut(position, []byte{'/'})
	partition, ok := number(before)
	offset, also := number(rest)
	if !ok || !also || partition > 65535 {
		return
	}
	for int64(len(f.next)) <= partition {
		f.next = append(f.next, -1)
	}
	if next := f.next[partition]; next >= 0 && offset < next {
		f.Repeats++
	} else if next >= 0 && offset > next {
		f.Gaps++
	}
	f.next[partition] = offset + 1
}

func (f *follower) sample(latency float64) {
	if len(f.Latencies) < keptLatencies {
		f.Latencies = append(f.Latencies, latency)
	} else if at := rand.Int64N(f.Events); at < keptLatencies {
		f.Latencies[at] = latency
	}
}

// after is what follows a text, up to a byte.
func after(data []byte, before string, end byte) []byte {
	at := bytes.Index(data, []byte(before))
	if at < 0 {
		return nil
	}
	rest := data[at+len(before):]
	if stop := bytes.IndexByte(rest, end); stop >= 0 {
		return rest[:stop]
	}
	return rest
}

func number(digits []byte) (int64, bool) {
	var value int64
	for _, digit := range digits {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		value = value*10 + int64(digit-'0')
	}
	return value, len(digits) > 0
}
