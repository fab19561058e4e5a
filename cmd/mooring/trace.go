package main

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"mooring/cmd/mooring/client"
)

// traceOptions are the flags of trace.
type traceOptions struct {
	target   client.Target
	machine  string
	nai      string
	duration time.Duration
	maximum  uint32
	asJSON   bool
}

func traceCommand() *cobra.Command {
	o := &traceOptions{}
	cmd := &cobra.Command{
		Use:   "trace NAI",
		Short: "Follow what happens to one node",
		Long: `Trace has the LMAs and MAGs of a running element record what happens to one node, and prints it as it happens: messages with their
options, decisions with their reasons, timers, addresses, tunnels, and heartbeats of its peer. The node need not exist yet. It asks over NETCONF: on the
local socket, or with --address over SSH.

It ends with its time, its number of records, or an interrupt. What was recorded stays in the state of the element (list trace) until it stops.`,
		Example: `  mooring trace mn1@example.net
  mooring trace mn1@example.net --machine lma1 --duration 1h --maximum 10000
  mooring trace mn1@example.net --json | jq -r 'select(.kind == "received").text'`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.nai = args[0]
			return o.run(cmd.Context(), cmd.OutOrStdout())
		},
	}
	f := cmd.Flags()
	managerFlags(f, &o.target)
	f.StringVar(&o.machine, "machine", "", "`NAME` of an LMA or MAG; all that run unless given")
	f.DurationVar(&o.duration, "duration", 5*time.Minute, "`TIME` after which the trace ends, a day at most")
	f.Uint32Var(&o.maximum, "maximum", 1000, "`NUMBER` of records with which the trace of an LMA or MAG ends, 10000 at most")
	f.BoolVar(&o.asJSON, "json", false, "print a JSON object a line")
	cmd.MarkFlagDirname("state-dir")
	return cmd
}

// told is what the element says of a trace.
type told struct {
	Machine  string `xml:"name" json:"machine"`
	Role     string `xml:"-" json:"role"`
	Sequence uint64 `xml:"trace-record>sequence" json:"sequence,omitempty"`
	Time     string `xml:"trace-record>time" json:"time,omitempty"`
	Kind     string `xml:"trace-record>kind" json:"kind,omitempty"`
	Text     string `xml:"trace-record>text" json:"text,omitempty"`
	Ended    string `xml:"trace-ended>reason" json:"ended,omitempty"`
	Records  uint64 `xml:"trace-ended>records" json:"records,omitempty"`
	Dropped  uint64 `xml:"trace-ended>dropped" json:"dropped,omitempty"`
	Record   string `xml:"trace-record>nai" json:"-"`
	End      string `xml:"trace-ended>nai" json:"-"`
}

// subscription takes what is told of traces, and nothing else.
const subscription = `<create-subscription xmlns="urn:ietf:params:xml:ns:netconf:notification:1.0"><filter><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6">` +
	`<lma><name/><trace-record/><trace-ended/></lma><mag><name/><trace-record/><trace-ended/></mag></pmipv6></filter></create-subscription>`

func (o *traceOptions) run(ctx context.Context, w io.Writer) error {
	if o.duration < time.Second {
		return &usageError{fmt.Errorf("--duration %v: the shortest is 1s", o.duration)}
	}
	s, err := manage(ctx, &o.target)
	if err != nil {
		return err
	}
	defer s.Close()
	list, err := runningMachines(s, o.machine)
	if err != nil {
		return err
	}
	if err := s.Do(subscription, nil); err != nil {
		return err
	}
	parameters := parameter("nai", o.nai) + parameter("duration", fmt.Sprint(int(o.duration.Seconds()))) + parameter("maximum", fmt.Sprint(o.maximum))
	going := map[named]bool{}
	err = each(s, list, "trace-node", func(named) string { return parameters }, func(m named, _ struct{}) error {
		going[m] = true
		return nil
	})
	if err == nil {
		err = o.follow(s, w, going)
	}
	if ctx.Err() != nil { // interrupted, and the session is gone
		err = nil
	}
	if len(going) > 0 {
		err = errors.Join(err, o.stop(context.WithoutCancel(ctx), going))
	}
	return err
}

// follow prints what is told until no trace goes on.
func (o *traceOptions) follow(s *client.Session, w io.Writer, going map[named]bool) error {
	for len(going) > 0 {
		message, err := s.Next()
		if err != nil {
			return err
		}
		var n struct {
			LMA *told `xml:"pmipv6>lma"`
			MAG *told `xml:"pmipv6>mag"`
		}
		if err := xml.Unmarshal(message, &n); err != nil {
			return err
		}
		for role, t := range map[string]*told{"lma": n.LMA, "mag": n.MAG} {
			if t == nil || t.Record+t.End != o.nai || !going[named{role, t.Machine}] {
				continue
			}
			t.Role = role
			if err := o.print(w, t); err != nil {
				return err
			}
			if t.Ended != "" {
				delete(going, named{role, t.Machine})
			}
		}
	}
	return nil
}

func (o *traceOptions) print(w io.Writer, t *told) error {
	if o.asJSON {
		return json.NewEncoder(w).Encode(t)
	}
	text := fmt.Sprintf("%s %s %s %-10s %s", t.Time, t.Role, t.Machine, t.Kind, t.Text)
	if t.Ended != "" {
		text = fmt.Sprintf("%s %s: the trace has ended (%s) with %d records; %d were lost", t.Role, t.Machine, t.Ended, t.Records, t.Dropped)
	}
	_, err := fmt.Fprintln(w, strings.Map(printable, text))
	return err
}

// stop ends what still goes on, so that nobody records for an empty chair.
func (o *traceOptions) stop(ctx context.Context, going map[named]bool) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	s, err := manage(ctx, &o.target)
	if err != nil {
		return err
	}
	defer s.Close()
	for m := range going {
		if err := s.Do(m.action("trace", parameter("nai", o.nai)+"<stop/>"), nil); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	return nil
}
