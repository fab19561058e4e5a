package engine

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/transport"
)

// diary notes in which order effects are carried out.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(format string, args ...any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf(format, args...))
}

// take returns the lines since the last call.
func (d *diary) take() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := d.lines
	d.lines = nil
	return lines
}

type notedTransport struct {
	*transport.Host
	diary *diary
}

func (n notedTransport) Send(list []mobility.Datagram) {
	n.diary.note("send %d from %v", len(list), list[0].From.Addr.Addr())
	n.Host.Send(list)
}

func (n notedTransport) Prepare(list []transport.Address) (transport.Prepared, error) {
	p, err := n.Host.Prepare(list)
	return notedChange{p, n.diary}, err
}

type notedChange struct {
	transport.Prepared
	diary *diary
}

func (n notedChange) Open() { n.diary.note("open"); n.Prepared.Open() }
func (n notedChange) Retire(keep ...transport.Address) {
	n.diary.note("retire")
	n.Prepared.Retire(keep...)
}
func (n notedChange) Abort() { n.diary.note("abort"); n.Prepared.Abort() }

type notedPlane struct {
	*plane
	diary *diary
}

func (n notedPlane) Want(list []dataplane.Change) {
	n.diary.note("want %d", len(list))
	n.plane.Want(list)
}

// noted runs an element whose effects are written down.
func noted(t *testing.T, net *transport.Memory) (*station, *diary) {
	d, host := new(diary), net.Host()
	s := start(t, notedTransport{host, d}, func(o *Options) {
		o.Dataplane = notedPlane{o.Dataplane.(*plane), d}
		grants := o.Grants
		o.Grants = func(list []mobility.Grant) {
			d.note("grant %d", len(list))
			grants(list)
		}
	})
	t.Cleanup(func() { host.Close() })
	return s, d
}

// Traffic is forwarded before anybody is told so; what several machines ask for in one step is done kind by kind; who is
// gone says good-bye from an address that is still there.
func TestOrderOfEffects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		s, d := noted(t, net)
		config := justLMA(anchorConfig("lma1", lma6))
		config.MAGs = map[string]*mobility.MAG{
			"mag1": gatewayConfig("mag1", []string{lma6}, []string{"access1"}, mag16),
			"mag2": gatewayConfig("mag2", []string{lma6}, []string{"access2"}, mag26),
		}
		s.commit(config)
		same(t, "commit", d.take(), []string{"open", "retire"})

		s.attach("access1", node1)
		s.attach("access2", node2)
		pass(0)
		same(t, "attach", d.take(), []string{"send 1 from " + mag16, "send 1 from " + mag26})
		pass(time.Second)
		step := []string{"want 1", "send 1 from " + lma6}
		reply := []string{"want 1", "grant 1"}
		same(t, "register", d.take(), append(append(append(step, step...), reply...), reply...))

		s.commit(justLMA(config.LMAs["lma1"]))
		same(t, "two gateways gone", sortedSends(d.take()), []string{"open", "want 1", "want 1", "grant 1", "grant 1",
			"send 1 from " + mag16, "send 1 from " + mag26, "retire"})
		pass(time.Second)
		if got := strings.Join(s.rows(), "\n"); strings.Count(got, "delete-pending") != 2 {
			t.Errorf("the anchor has not heard of it:\n%s", got)
		}
	})
}

// sortedSends puts the two messages of two gateways in order; the machines are closed in any.
func sortedSends(lines []string) []string {
	for i := range lines[1:] {
		a, b := lines[i], lines[i+1]
		if strings.HasPrefix(a, "send") && strings.HasPrefix(b, "send") && a > b {
			lines[i], lines[i+1] = b, a
		}
	}
	return lines
}

// While the dataplane has no room, nothing is read and nothing is lost; everything else goes on.
func TestFullDataplaneStopsReading(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		config := anchorConfig("lma1", lma6)
		config.TimestampWindow = time.Second // what waits grows old
		lma := on(t, net, justLMA(config))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		pass(0)
		empty := lma.plane.fill()
		must(t, lma.Do(t.Context(), func() {})) // it now knows
		mag.attach("access0", node1)
		pass(900 * time.Millisecond)
		same(t, "the anchor without room", lma.rows(), nil)
		if status := lma.Status(); status.Stalls != 1 || status.Messages != 0 {
			t.Errorf("%+v", status)
		}
		lma.Installed(nil)
		must(t, lma.Do(t.Context(), func() {}))
		empty()
		pass(90 * time.Millisecond)
		if len(lma.rows()) != 1 || net.Lost() != 0 {
			t.Errorf("with room again: %v, %d messages lost", lma.rows(), net.Lost())
		}
		if status := lma.Status(); status.Stalls != 1 || status.Messages != 1 {
			t.Errorf("%+v", status)
		}
	})
}

// A sink that hangs costs events, not time.
func TestSlowSink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		host := net.Host()
		hang, delivered := make(chan struct{}), []Event{}
		lma := start(t, host, func(o *Options) {
			o.Backlog = 10
			o.Events = func(list []Event) {
				<-hang
				delivered = append(delivered, list...)
			}
		})
		t.Cleanup(func() { host.Close() })
		lma.commit(justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		for i := range byte(30) {
			mag.attach("access0", dataplane.MAC{2, 0, 0, 0, 1, i})
		}
		pass(time.Second)
		if len(lma.rows()) != 30 {
			t.Errorf("%d bindings of 30 nodes", len(lma.rows()))
		}
		close(hang)
		pass(time.Second)
		dropped := int(lma.Status().EventsDropped)
		if dropped == 0 || dropped+len(delivered) != 32 { // the gateway was learned, and its tunnel established, too
			t.Errorf("%d events were delivered and %d dropped", len(delivered), dropped)
		}
		if first := delivered[0]; first.Kind != mobility.PeerLearned || first.Machine.String() != "lma lma1" || first.At.IsZero() {
			t.Errorf("the first event is %+v", first)
		}
	})
}

// Run ends without a word to anybody, and whoever comes later is told.
func TestStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		lma := on(t, net, justLMA(anchorConfig("lma1", lma6)))
		mag := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		mag.attach("access0", node1)
		pass(time.Second)
		commit, err := mag.Prepare(t.Context(), nil, nil)
		must(t, err)
		mag.stop()
		if len(lma.rows()) != 1 || len(mag.rows()) != 1 || len(mag.plane.wanted()) != 1 {
			t.Errorf("after the end: %v, %v, %v", lma.rows(), mag.rows(), mag.plane.wanted())
		}
		commit.Apply()
		mag.detach("access0", node1)
		mag.Installed([]dataplane.Result{{ID: 1}})
		if err := mag.Do(t.Context(), func() { t.Error("it still runs") }); err != ErrStopped {
			t.Errorf("Do: %v", err)
		}
		if _, err := lma.LMA("lma1").Peers(t.Context()); err != nil {
			t.Errorf("the other engine: %v", err)
		}
	})
}

// What nobody wants is counted.
func TestUnclaimed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		net := transport.NewMemory(transport.Conditions{Delay: oneWay}, 1)
		s := on(t, net, justMAG(gatewayConfig("mag1", []string{lma6}, []string{"access0"}, mag16)))
		s.attach("eth9", node1)
		s.Installed([]dataplane.Result{{ID: 99<<numberShift | 1}})
		pass(0)
		if got := s.Status(); got.Unclaimed != 1 || got.Steps != 3 {
			t.Errorf("%+v", got)
		}
	})
}
