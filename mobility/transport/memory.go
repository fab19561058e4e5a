package transport

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"mooring/mobility"
)

// Conditions are what a Memory network does to messages. The zero value delivers each once, at once.
type Conditions struct {
	Loss      float64       // the part of the messages that is lost
	Duplicate float64       // the part that arrives twice
	Delay     time.Duration // of every message
	Jitter    time.Duration // at most so much more delay; messages overtake each other
}

// Memory is a network for tests: hosts exchange Mobility Headers as over Sockets, under Conditions of choice. It works in a
// synctest bubble, where with some delay a run depends on nothing but the seed.
type Memory struct {
	mu         sync.Mutex
	conditions Conditions
	rnd        *rand.Rand
	owners     map[Address]*Host
	lost       uint64
	latest     time.Time // when the last message arrives
}

// NewMemory returns a network without hosts.
func NewMemory(c Conditions, seed uint64) *Memory {
	return &Memory{conditions: c, rnd: rand.New(rand.NewPCG(seed, 0)), owners: map[Address]*Host{}}
}

// Change makes the network treat messages differently from now on.
func (m *Memory) Change(c Conditions) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conditions = c
}

// Lost returns how many messages did not arrive: by the conditions, or because nobody listened.
func (m *Memory) Lost() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lost
}

// Host adds a host that listens nowhere yet.
func (m *Memory) Host() *Host {
	return &Host{network: m, batches: make(chan *Batch), closed: make(chan struct{})}
}

// Inject lets a message arrive, whatever its octets are, under the conditions of the network.
func (m *Memory) Inject(d mobility.Datagram) {
	m.mu.Lock()
	defer m.mu.Unlock()
	copies := 1
	switch dice := m.rnd.Float64(); {
	case dice < m.conditions.Loss:
		copies = 0
		m.lost++
	case dice < m.conditions.Loss+m.conditions.Duplicate:
		copies = 2
	}
	d.Octets = slices.Clone(d.Octets)
	for range copies {
		time.AfterFunc(m.delay(), func() { m.deliver(d) })
	}
}

func (m *Memory) dice() float64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.rnd.Float64()
}

// delay says how long the next message takes: without jitter none overtakes another.
func (m *Memory) delay() time.Duration {
	delay := m.conditions.Delay
	if m.conditions.Jitter > 0 {
		return delay + time.Duration(m.rnd.Int64N(int64(m.conditions.Jitter)))
	}
	if at := time.Now().Add(delay); at.After(m.latest) {
		m.latest = at
	} else {
		m.latest = m.latest.Add(1)
	}
	return time.Until(m.latest)
}

func (m *Memory) deliver(d mobility.Datagram) {
	m.mu.Lock()
	h := m.owners[AddressOf(d.To)]
	if h == nil {
		m.lost++
	}
	m.mu.Unlock()
	if h != nil && h.passes(&d) {
		h.arrive(d)
	}
}

// Host is one host of a Memory network. It has the methods of Sockets.
type Host struct {
	network *Memory
	batches chan *Batch
	closed  chan struct{}

	mu       sync.Mutex
	problems uint64
	screens  map[Address]*mobility.Screen
	kept     uint64
}

// Batches delivers what arrives, one message a batch. A batch is scribbled over when it is released, so that whoever keeps a part of
// it is found out.
func (h *Host) Batches() <-chan *Batch { return h.batches }

// ParameterProblems returns how many ICMPv6 Parameter Problems the host would have sent.
func (h *Host) ParameterProblems() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.problems
}

// Kept returns how many messages a Screen has kept from the host.
func (h *Host) Kept() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept
}

// Screen is like Sockets.Screen.
func (h *Host) Screen(at Address, screen *mobility.Screen) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.screens == nil {
		h.screens = map[Address]*mobility.Screen{}
	}
	h.screens[at] = screen
}

// passes says whether the screen of an address lets a message pass, and counts it if not.
func (h *Host) passes(d *mobility.Datagram) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	share := h.screens[AddressOf(d.To)].Share(d.From.Addr.Addr())
	if share == 1 || h.network.dice() < share {
		return true
	}
	h.kept++
	return false
}

// Prepare is like Sockets.Prepare. It fails when another host has an address.
func (h *Host) Prepare(addresses []Address) (Prepared, error) {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	for _, a := range addresses {
		if err := a.check(); err != nil {
			return nil, err
		}
		if owner := h.network.owners[a]; owner != nil && owner != h {
			return nil, fmt.Errorf("another host has %v", a)
		}
	}
	return &hostChange{h, addresses}, nil
}

type hostChange struct {
	host   *Host
	wanted []Address
}

func (c *hostChange) Open() {
	c.host.network.mu.Lock()
	defer c.host.network.mu.Unlock()
	for _, a := range c.wanted {
		c.host.network.owners[a] = c.host
	}
}

func (c *hostChange) Retire(keep ...Address) {
	c.host.network.mu.Lock()
	defer c.host.network.mu.Unlock()
	for a, owner := range c.host.network.owners {
		if owner == c.host && !slices.Contains(c.wanted, a) && !slices.Contains(keep, a) {
			delete(c.host.network.owners, a)
		}
	}
}

func (c *hostChange) Abort() {}

// Send is like Sockets.Send.
func (h *Host) Send(datagrams []mobility.Datagram) {
	for _, d := range datagrams {
		if h.has(AddressOf(d.From)) {
			h.network.Inject(d)
		} else {
			d.CountUnsent()
		}
	}
}

// has says whether the host may send from an address, and counts a loss if not.
func (h *Host) has(a Address) bool {
	h.network.mu.Lock()
	defer h.network.mu.Unlock()
	if h.network.owners[a] != h {
		h.network.lost++
		return false
	}
	return true
}

// Close lets go of everything that is on its way to the host.
func (h *Host) Close() error {
	(&hostChange{host: h}).Retire()
	close(h.closed)
	return nil
}

// arrive waits until the message is taken.
func (h *Host) arrive(d mobility.Datagram) {
	home := make(chan *Batch, 1)
	b := newBatch(1, home)
	copy(b.slots[0].octets[:], d.Octets)
	in := b.take(d.From, d.To, d.CodePoint, len(d.Octets))
	switch answer := answerTo(in); answer.kind {
	case bindingError:
		var out mobility.Effects
		appendBindingError(&out, in)
		h.Send(out.Send)
	case parameterProblem:
		h.mu.Lock()
		h.problems++
		h.mu.Unlock()
	}
	select {
	case h.batches <- b:
	case <-h.closed:
		return
	}
	select {
	case <-home:
		b.scribble()
	case <-h.closed:
	}
}

// scribble makes nonsense of what the batch held, the memory of decoded messages included.
func (b *Batch) scribble() {
	for i := range b.slots {
		s := &b.slots[i]
		message := s.octets[:roomSize]
		for j := range message {
			message[j] = 0xff
		}
	}
	clear(b.In[:cap(b.In)])
}
