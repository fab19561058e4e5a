package engine

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
)

// trace writes an input of a machine into the log, as a step of a scenario. Callers look at Engine.tracing first.
func (e *Engine) trace(now time.Time, machine Name, step string) {
	e.Log.LogAttrs(context.Background(), slog.LevelDebug, "input",
		slog.String("at", now.Format(time.RFC3339Nano)), slog.String("machine", machine.String()), slog.String("step", step))
}

// inboundText gives the octets as they came, so that a decoder that is wrong is wrong again, and then what it made of them.
func inboundText(in *mobility.Inbound) string {
	saw := any(in.Err)
	if in.Err == nil {
		saw = in.Message
	}
	return fmt.Sprintf("recv from=%s to=%s hex=%x # %v", endpointText(in.From), endpointText(in.To), in.Octets, saw)
}

func endpointText(e mobility.Endpoint) string {
	if e.Addr.Port() == 0 {
		return e.Addr.Addr().String()
	}
	return e.Addr.String()
}

// attachmentText speaks the words of the MAG's scenarios.
func attachmentText(a mobility.Attachment) string {
	verb := map[mobility.AttachmentKind]string{
		mobility.NodeAttached: "attach", mobility.NodeDetached: "detach", mobility.LinkLost: "linklost",
		mobility.HomeWanted: "homewanted", mobility.HomeReleased: "homereleased",
	}[a.Kind]
	if a.Kind == mobility.LinkLost {
		return verb + " " + a.Link
	}
	return fmt.Sprintf("%s %s %s", verb, a.Link, net.HardwareAddr(a.MAC[:]))
}

func resultText(r dataplane.Result) string {
	if r.Err != nil {
		return fmt.Sprintf("failed %d # %v", r.ID, r.Err)
	}
	return fmt.Sprintf("installed %d", r.ID)
}

// answerText says what AAA servers have said of a node, as scenarios have it.
func answerText(id uint64, a *mobility.Authorization) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d", [...]string{"unanswered", "denied", "granted"}[a.Verdict], id)
	service := map[mobility.Service]string{mobility.ServiceIPv4: "ipv4", mobility.ServiceIPv6: "ipv6", mobility.ServiceDual: "dual"}[a.Service]
	for _, of := range [][2]string{{"network", a.Network}, {"service", service}, {"lma", a.Anchor}, {"customer", a.Customer}, {"apn", a.APN}} {
		if of[1] != "" {
			fmt.Fprintf(&b, " %s=%s", of[0], of[1])
		}
	}
	for _, addr := range a.Anchors {
		fmt.Fprintf(&b, " at=%s", addr)
	}
	for _, p := range a.Prefixes {
		fmt.Fprintf(&b, " hnp=%s", p)
	}
	if a.Home.IsValid() {
		fmt.Fprintf(&b, " hoa=%s", a.Home)
	}
	if a.Router.IsValid() {
		fmt.Fprintf(&b, " router=%s", a.Router)
	}
	for _, p := range a.Networks {
		fmt.Fprintf(&b, " mnp=%s", p)
	}
	return b.String()
}

// String names the machines; their configuration is in the history of the datastore.
func (c *Commit) String() string {
	var names []string
	for _, name := range slices.Sorted(maps.Keys(c.config.LMAs)) {
		names = append(names, Name{RoleLMA, name}.String())
	}
	for _, name := range slices.Sorted(maps.Keys(c.config.MAGs)) {
		names = append(names, Name{RoleMAG, name}.String())
	}
	return "config # " + strings.Join(names, ", ")
}
