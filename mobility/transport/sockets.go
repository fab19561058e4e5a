package transport

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"mooring/dataplane"
	"mooring/mobility"
)

// Options of Sockets. The zero value works.
type Options struct {
	Log *slog.Logger
	// Enter runs open with the calling thread in the network of a VRF, whose sockets are to be bound to device where that is not
	// empty. nil: there is only the default VRF, which is the network of the caller of Prepare.
	Enter func(vrf string, open func(device string) error) error
}

// Sockets is signalling over the network of the host. One goroutine calls Send, Open and Retire; the rest may be called
// concurrently.
type Sockets struct {
	Options
	batches chan *Batch
	readers sync.WaitGroup
	strays  atomic.Uint64

	mu      sync.Mutex
	open    map[Address]*socket
	awaited map[Address]error // those that wait for their VRF, with the reason
	closed  bool

	touched []*socket // Send: those with something to write
}

// NewSockets returns Sockets that listen nowhere.
func NewSockets(o Options) *Sockets {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Sockets{Options: o, batches: make(chan *Batch, 16), open: map[Address]*socket{}, awaited: map[Address]error{}}
}

// Batches delivers what arrives. Whoever receives a batch owns it until he calls its Release.
func (s *Sockets) Batches() <-chan *Batch { return s.batches }

// Prepare opens the sockets of the addresses that are not listened at yet. It fails, with every reason, when one cannot be opened
// for good: a privilege is missing, or another process has the port. Then nothing has changed. An address in a VRF that is not there yet
// waits for Reopen. One change may be prepared at a time.
func (s *Sockets) Prepare(addresses []Address) (Prepared, error) {
	c := &change{all: s, wanted: map[Address]bool{}, fresh: map[Address]*socket{}, awaited: map[Address]error{}}
	var errs []error
	for _, a := range addresses {
		if err := a.check(); err != nil {
			errs = append(errs, err)
			continue
		}
		if c.wanted[a] || s.has(a) {
			c.wanted[a] = true
			continue
		}
		c.wanted[a] = true
		fresh, err := s.listen(a)
		switch {
		case errors.Is(err, dataplane.ErrNoVRF):
			c.awaited[a] = err
		case err != nil:
			errs = append(errs, err)
		default:
			c.fresh[a] = fresh
		}
	}
	if err := errors.Join(errs...); err != nil {
		c.Abort()
		return nil, err
	}
	return c, nil
}

func (s *Sockets) has(a Address) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open[a] != nil || s.awaited[a] != nil
}

// listen opens the socket of an address.
func (s *Sockets) listen(a Address) (fresh *socket, err error) {
	err = s.inside(a.VRF, func(device string) (err error) {
		if fresh, err = newSocket(a, device); err == nil && usable(a, device) != nil {
			s.Log.Warn("the host does not have this address yet; signalling over it works as soon as it does", "address", a)
		}
		return err
	})
	return fresh, err
}

func (s *Sockets) inside(vrf string, f func(device string) error) error {
	switch {
	case s.Enter != nil:
		return s.Enter(vrf, f)
	case vrf != "":
		return fmt.Errorf("there is no VRF %s", vrf)
	}
	return f("")
}

// Reopen opens the sockets of a VRF that has come, or whose vrf interface has become another one: the old ones are deaf. What cannot be
// opened stays as it is, and is logged.
func (s *Sockets) Reopen(vrf string) {
	s.mu.Lock()
	var addresses []Address
	for a := range s.open {
		if a.VRF == vrf {
			addresses = append(addresses, a)
		}
	}
	for a := range s.awaited {
		if a.VRF == vrf {
			addresses = append(addresses, a)
		}
	}
	s.mu.Unlock()
	for _, a := range addresses {
		if err := s.reopen(a); err != nil {
			s.Log.Warn("cannot listen in a VRF that was made", "address", a, "error", err)
		}
	}
}

func (s *Sockets) reopen(a Address) error {
	fresh, err := s.listen(a)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	old, awaited := s.open[a], s.awaited[a] != nil
	if old == nil && !awaited || s.closed { // retired meanwhile
		fresh.close()
		return nil
	}
	if old != nil {
		old.close()
	}
	delete(s.awaited, a)
	s.start(a, fresh)
	return nil
}

func (s *Sockets) start(a Address, fresh *socket) {
	s.open[a] = fresh
	s.readers.Go(func() { fresh.read(s.batches, s.Log) })
}

// change is a change of the addresses, not yet made.
type change struct {
	all     *Sockets
	wanted  map[Address]bool
	fresh   map[Address]*socket
	awaited map[Address]error
}

func (c *change) Open() {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	for a, fresh := range c.fresh {
		if c.all.closed {
			fresh.close()
			continue
		}
		c.all.start(a, fresh)
	}
	maps.Copy(c.all.awaited, c.awaited)
}

func (c *change) Retire(keep ...Address) {
	c.all.mu.Lock()
	defer c.all.mu.Unlock()
	for a, old := range c.all.open {
		if !c.wanted[a] && !slices.Contains(keep, a) {
			old.close()
			delete(c.all.open, a)
		}
	}
	maps.DeleteFunc(c.all.awaited, func(a Address, _ error) bool { return !c.wanted[a] })
}

func (c *change) Abort() {
	for _, fresh := range c.fresh {
		fresh.close()
	}
}

// Send sends the datagrams, in their order between any two endpoints, each from the socket of its From. What cannot be sent is
// counted, also where the datagram says: signalling is repeated by those who need it. It blocks at most a tenth of a second per socket, when the host has no
// room.
func (s *Sockets) Send(datagrams []mobility.Datagram) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range datagrams {
		d := &datagrams[i]
		from := s.open[AddressOf(d.From)]
		if from == nil {
			s.strays.Add(1)
			d.CountUnsent()
			continue
		}
		if from.outbox.empty() {
			s.touched = append(s.touched, from)
		}
		from.outbox.add(d)
	}
	for i, from := range s.touched {
		from.flush()
		s.touched[i] = nil
	}
	s.touched = s.touched[:0]
}

// Strays returns how many messages had a source address that is not listened at.
func (s *Sockets) Strays() uint64 { return s.strays.Load() }

// Status returns the state of each address, sorted.
func (s *Sockets) Status() []Status {
	s.mu.Lock()
	open := make([]*socket, 0, len(s.open))
	for _, each := range s.open {
		open = append(open, each)
	}
	list := make([]Status, 0, len(open)+len(s.awaited))
	for a, err := range s.awaited {
		list = append(list, Status{Address: a, Err: err})
	}
	s.mu.Unlock()
	for _, each := range open {
		err := s.inside(each.VRF, func(device string) error { return usable(each.Address, device) })
		list = append(list, Status{each.Address, err, each.counters()})
	}
	slices.SortFunc(list, func(a, b Status) int { return cmp.Or(cmp.Compare(a.VRF, b.VRF), a.Addr.Compare(b.Addr)) })
	return list
}

// Close closes all sockets and returns when nothing is read any more. Batches that are elsewhere stay their owners'.
func (s *Sockets) Close() error {
	s.mu.Lock()
	s.closed = true
	for a, each := range s.open {
		each.close()
		delete(s.open, a)
	}
	s.mu.Unlock()
	s.readers.Wait()
	return nil
}
