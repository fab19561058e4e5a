package watch

import (
	"strconv"
	"strings"
	"testing"
	"time"

	gpb "github.com/openconfig/gnmi/proto/gnmi"

	"mooring/cmd/mooring/client"
)

var start = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

// story tells a Model what an element would.
type story struct {
	t     *testing.T
	now   time.Time
	model *Model
	rows  map[Stream]*client.Rows
}

func newStory(t *testing.T) *story {
	return &story{t, start, NewModel("lma1.example.net:9339"), map[Stream]*client.Rows{
		General: client.NewRows(general(time.Second)), Bindings: client.NewRows(bindings()),
	}}
}

// tell sends a notification of "path value" lines; a line without a value is a deletion.
func (s *story) tell(stream Stream, prefix string, lines ...string) {
	n := &gpb.Notification{Prefix: &gpb.Path{Elem: elems(prefix)}, Timestamp: s.now.UnixNano()}
	for _, line := range lines {
		path, value, set := strings.Cut(line, " ")
		if path == "" {
			n.Delete = append(n.Delete, &gpb.Path{})
		} else if !set {
			n.Delete = append(n.Delete, &gpb.Path{Elem: elems(path)})
		} else {
			n.Update = append(n.Update, &gpb.Update{Path: &gpb.Path{Elem: elems(path)}, Val: &gpb.TypedValue{Value: &gpb.TypedValue_JsonIetfVal{JsonIetfVal: []byte(value)}}})
		}
	}
	rows := s.rows[stream]
	s.model.Take(stream, s.now, rows, client.News{Change: rows.Take(n), At: s.now})
}

func (s *story) sync(streams ...Stream) {
	for _, stream := range streams {
		s.model.Take(stream, s.now, s.rows[stream], client.News{Synced: true})
	}
}

func (s *story) later(d time.Duration) { s.now = s.now.Add(d) }

// elems reads a/b[k=v]/c.
func elems(text string) (list []*gpb.PathElem) {
	for part := range strings.SplitSeq(text, "/") {
		name, predicates, _ := strings.Cut(part, "[")
		e := &gpb.PathElem{Name: name}
		for p := range strings.FieldsFuncSeq(predicates, func(r rune) bool { return r == '[' || r == ']' }) {
			key, value, _ := strings.Cut(p, "=")
			if e.Key == nil {
				e.Key = map[string]string{}
			}
			e.Key[key] = value
		}
		list = append(list, e)
	}
	return list
}

const lma1, mag1 = "pmipv6/lma[name=lma1]", "pmipv6/mag[name=mag1]"

// begin tells of an LMA with two peers, a MAG, and a node.
func (s *story) begin() {
	s.tell(General, "system", `version "0.1.0"`, `started "2026-11-22T06:48:00Z"`, `host-name "anchor"`, `configuration/commit-id "17"`, `configuration/user "admin"`)
	s.counters(100, 100, 3, 1)
	s.traffic(0, 0)
	s.tell(General, lma1+"/peers/peer[id=mag1]", `id "mag1"`, `oper-status "up"`, `bindings 1`, `path[address=2001:db8::11]/address "2001:db8::11"`, `path[address=2001:db8::11]/oper-status "up"`)
	s.tell(General, lma1+"/peers/peer[id=mag2]", `id "mag2"`, `oper-status "unknown"`, `bindings 0`, `path[address=2001:db8::12]/address "2001:db8::12"`)
	s.tell(General, mag1+"/paths/path[lma=lma1][link=2001:db8::11]", `lma "lma1"`, `remote-address "2001:db8::1"`, `oper-status "up"`, `bindings 1`)
	s.sync(General)
	s.tell(Bindings, lma1+"/bindings/binding[id=1]", `mn-id "n1@example.net"`, `hoa "198.18.0.2"`, `hnp ["2001:db8:100::/64"]`, `peer "mag1"`, `state "active"`, `forwarding "installed"`,
		`created "2026-11-22T09:58:30Z"`)
	s.sync(Bindings)
}

// counters tells of the counters of the machines.
func (s *story) counters(pbu, pba, refused, dropped int) {
	s.tell(General, lma1+"/statistics", `summary/bce-count 1`, leaf("pbu/received", pbu), leaf("pba/sent", pba), `pba/by-status[status=0]/status 0`, leaf("pba/by-status[status=0]/count", pba-refused),
		`pba/by-status[status=129]/status 129`, leaf("pba/by-status[status=129]/count", refused), leaf("drop[reason=malformed]/count", dropped), `drop[reason=checksum]/count "0"`)
	s.tell(General, mag1+"/statistics", leaf("pbu/sent", pbu), leaf("pba/received", pba))
}

func (s *story) traffic(in, out int) {
	s.tell(General, lma1+"/tunnels/tunnel[id=t1]/statistics", leaf("in-octets", in), leaf("out-octets", out))
}

func leaf(path string, n int) string { return path + ` "` + strconv.Itoa(n) + `"` }
