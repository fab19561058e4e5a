package accountant

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"mooring/dataplane"
	"mooring/mobility/aaa"
)

// counters are those of every node, in octets each way; tunnels have none.
type counters struct{ octets atomic.Uint64 }

func (c *counters) Node(string, dataplane.SessionID) (aaa.Usage, bool) {
	n := c.octets.Load()
	return aaa.Usage{RxPackets: n / 100, RxOctets: n, TxPackets: n / 100, TxOctets: n}, true
}

func (c *counters) Tunnel(dataplane.TunnelID) (aaa.Usage, bool) { return aaa.Usage{}, false }

// RAD-02, expectation 10: whoever is killed loses what was counted in the last minute, and whoever stops in order loses nothing. The counters begin at 0 with the
// next process.
func TestEXP10_CountersOverARestart(t *testing.T) {
	for _, c := range []struct {
		what  string
		lives time.Duration // after the traffic
		kill  bool
		want  string
	}{
		{"killed after a minute", 61 * time.Second, true, "4000/4000"},
		{"stopped at once", 0, false, "4000/4000"},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e, meter := newElement(t), new(counters)
				e.meter = meter
				cfg := config()
				cfg.Anchors[0].Interim = 0
				e.begin(cfg)
				e.Happened([]Event{e.table.bind(1)})
				meter.octets.Store(4000)
				time.Sleep(c.lives)
				synctest.Wait()
				if c.kill {
					meter.octets.Store(9000)
				}
				asKilled, err := e.root.ReadFile("accounting/records")
				if err != nil {
					t.Fatal(err)
				}
				e.stop()
				if c.kill {
					if err := e.root.WriteFile("accounting/records", asKilled, 0o600); err != nil {
						t.Fatal(err)
					}
				}
				meter.octets.Store(0)
				e.begin(cfg)
				e.Happened([]Event{e.table.end(1)})
				time.Sleep(time.Second)
				synctest.Wait()
				e.stop()
				if len(e.sink.octets) != 1 || e.sink.octets[0] != c.want {
					t.Errorf("the Stop says %v, want %s", e.sink.octets, c.want)
				}
			})
		})
	}
}
