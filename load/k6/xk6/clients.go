package main

import "sync"

// clients keeps one client per address for the whole process: k6 makes a module's instance anew for each VU, and a client is safe for all of them.
type clients[C any] struct {
	mu   sync.Mutex
	open map[string]C
}

func (c *clients[C]) get(address string, open func() (C, error)) (C, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if client, ok := c.open[address]; ok {
		return client, nil
	}
	client, err := open()
	if err != nil {
		return client, err
	}
	if c.open == nil {
		c.open = map[string]C{}
	}
	c.open[address] = client
	return client, nil
}
