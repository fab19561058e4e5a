//go:build !vm

package restart

import (
	"slices"
	"strings"
	"testing"
	"time"

	"mooring/dataplane/planetest"
)

// interrupted is how an element says that there was no forwarding while there was no process.
const interrupted = "nothing was forwarded in user space while there was no process"

// Elements that forward in user space are killed under traffic and started again. What was on its way when the process ended is lost, and what was
// sent until the next one says that it forwards again; nothing before, and nothing after. It says for how long, and for whom: in its log, in state and to
// subscribers.
func TestKilledElementsInUserSpaceLoseABoundedPart(t *testing.T) {
	d := newDomain(t, way{backend: "userspace"})
	for name, e := range map[string]*running{"anchor": d.anchor, "gateway": d.gateway} {
		t.Run(name, func(t *testing.T) {
			flows := map[string]*planetest.Flow{
				"up":   planetest.StartFlowOf(t, flowInterval, d.node, d.lma, anchorAddress),
				"down": planetest.StartFlowOf(t, flowInterval, d.lma, d.node, d.home),
			}
			type numbers struct{ arrived, resumed uint64 }
			bounds := map[string]numbers{}
			for way, f := range flows {
				for f.Latest() < 20 {
					time.Sleep(flowInterval)
				}
				bounds[way] = numbers{arrived: f.Latest()}
			}
			e.kill()
			before := time.Now()
			e.start()
			said := e.says(interrupted)
			t.Log(said)
			for way, f := range flows {
				bounds[way] = numbers{bounds[way].arrived, f.Sent()}
			}
			for by, all := range map[string]interruption{"gNMI": e.shown(t), "a notification": e.told(t, before)} {
				if all.inLog() != said[strings.Index(said, "tunnels="):] || all.Tunnels != 1 || all.Bindings != 1 {
					t.Errorf("%s has %+v, and the log %s", by, all, said)
				}
			}
			for way, f := range flows { // so that there is something that must not be lost
				for f.Sent() < bounds[way].resumed+100 {
					time.Sleep(flowInterval)
				}
			}
			for way, f := range flows {
				sent, _ := f.Stop(t)
				lost := f.Lost()
				if len(lost) == 0 {
					t.Errorf("%s: nothing was lost of %d: nothing is tested", way, sent)
					continue
				}
				t.Logf("%s: %d of %d were lost, from %d to %d; %d had arrived, and it forwarded again at %d", way, len(lost), sent, lost[0], slices.Max(lost), bounds[way].arrived, bounds[way].resumed)
				if lost[0] <= bounds[way].arrived || slices.Max(lost) > bounds[way].resumed {
					t.Errorf("%s: lost are %v, and not only what is between %d and %d", way, lost, bounds[way].arrived, bounds[way].resumed)
				}
			}
		})
	}
}

// flowInterval is long enough for queues of a few hundred packets to hold what a busy machine lets wait.
const flowInterval = 5 * time.Millisecond

// says waits for a line of its log that has the text.
func (r *running) says(text string) string {
	r.t.Helper()
	for until := time.Now().Add(time.Minute); time.Now().Before(until); time.Sleep(5 * time.Millisecond) {
		for line := range strings.Lines(r.log.String()) {
			if strings.Contains(line, text) {
				return strings.TrimSpace(line)
			}
		}
	}
	r.t.Fatalf("it never says %q", text)
	return ""
}
