//go:build !vm

package restart

import (
	"context"
	"encoding/xml"
	"fmt"
	"strconv"
	"testing"
	"time"

	"mooring/cmd/mooring/client"
)

// interruption is what an element says of the time without a process.
type interruption struct {
	Since    time.Time `xml:"since"`
	Duration uint64    `xml:"duration"` // in milliseconds
	Tunnels  uint64    `xml:"tunnels"`
	Bindings uint64    `xml:"bindings"`
}

// inLog is how the log has it.
func (i interruption) inLog() string {
	const asSlog = "2006-01-02T15:04:05.000Z07:00"
	return fmt.Sprintf("tunnels=%d bindings=%d since=%s for=%v", i.Tunnels, i.Bindings, i.Since.Local().Format(asSlog), time.Duration(i.Duration)*time.Millisecond)
}

// shown reads it as "mooring show" does.
func (r *running) shown(t *testing.T) (i interruption) {
	t.Helper()
	c, err := (&client.Target{StateDir: r.dir}).Dial()
	must(t, err)
	defer c.Close()
	const path = "system/dataplane/last-interruption"
	rows, err := c.Get(t.Context(), nil, client.Whole(path)...)
	must(t, err)
	row := rows.Row("/" + path)
	if row == nil {
		t.Fatal("state has no interruption")
	}
	i.Since, err = time.Parse(time.RFC3339, row.Text("since"))
	must(t, err)
	for leaf, n := range map[string]*uint64{"duration": &i.Duration, "tunnels": &i.Tunnels, "bindings": &i.Bindings} {
		*n, err = strconv.ParseUint(row.Text(leaf), 10, 64)
		must(t, err)
	}
	return i
}

// told waits for the notification, which may have been sent before anybody subscribed.
func (r *running) told(t *testing.T, since time.Time) interruption {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s, err := (&client.Target{StateDir: r.dir}).Manage(ctx)
	must(t, err)
	defer s.Close()
	must(t, s.Do(`<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><startTime>`+since.UTC().Format(time.RFC3339Nano)+`</startTime></create-subscription>`, nil))
	for {
		message, err := s.Next()
		must(t, err)
		var n struct {
			Resumed *interruption `xml:"system>dataplane>forwarding-resumed"`
		}
		if must(t, xml.Unmarshal(message, &n)); n.Resumed != nil {
			return *n.Resumed
		}
	}
}
