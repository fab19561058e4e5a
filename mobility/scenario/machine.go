package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"mooring/dataplane"
	"mooring/mobility"
	"mooring/mobility/heartbeat"
)

// Drops remembers what was dropped so far. The function that it returns tells what was dropped since, a line for each reason.
func Drops(s *mobility.Statistics) (since func() string) {
	before := map[mobility.DropReason]uint64{}
	for _, reason := range mobility.DropReasons() {
		before[reason] = s.Dropped[reason].Load()
	}
	return func() string {
		var out strings.Builder
		for _, reason := range mobility.DropReasons() {
			if s.Dropped[reason].Load() != before[reason] {
				fmt.Fprintf(&out, "dropped %s\n", reason)
			}
		}
		return out.String()
	}
}

// Figures tells everything that was counted, and since when.
func Figures(s *mobility.Statistics) string {
	var out strings.Builder
	fmt.Fprintf(&out, "since +%s", s.Began.Sub(Start))
	for _, c := range []struct {
		name    string
		counter *mobility.Counter
	}{{"received", &s.PBUReceived}, {"discarded", &s.PBUDiscarded}, {"sent", &s.PBUSent}, {"retransmitted", &s.PBURetransmitted},
		{"initial", &s.Initial}, {"refresh", &s.Refresh}, {"handover", &s.Handover}, {"deregistration", &s.Deregistration}, {"answers discarded", &s.PBADiscarded}} {
		if n := c.counter.Load(); n > 0 {
			fmt.Fprintf(&out, ", %s %d", c.name, n)
		}
	}
	for status, n := range s.PBASent.All() {
		fmt.Fprintf(&out, ", answered %d: %d", uint8(status), n)
	}
	for status, n := range s.PBAReceived.All() {
		fmt.Fprintf(&out, ", was answered %d: %d", uint8(status), n)
	}
	triggers(&out, "revoked", &s.BRISent)
	triggers(&out, "was revoked", &s.BRIReceived)
	triggers(&out, "revocation answered", &s.BRASent)
	triggers(&out, "revocation was answered", &s.BRAReceived)
	for _, reason := range mobility.DropReasons() {
		if n := s.Dropped[reason].Load(); n > 0 {
			fmt.Fprintf(&out, ", dropped %s: %d", reason, n)
		}
	}
	return out.String()
}

func triggers[C ~uint8](out *strings.Builder, what string, counts *mobility.CodeCounter[C]) {
	for code, n := range counts.All() {
		fmt.Fprintf(out, ", %s %d: %d", what, uint8(code), n)
	}
}

// Heartbeat tells what is known of a path; nothing where nothing is.
func Heartbeat(s heartbeat.State) string {
	if s == (heartbeat.State{}) {
		return ""
	}
	text := fmt.Sprintf(" heartbeat %s sent %d answered %d missed %d", [...]string{"unknown", "up", "down"}[s.Health], s.Sent, s.Responses, s.Missed)
	if !s.Changed.IsZero() {
		text += " changed " + since(s.Changed)
	}
	if s.Stated {
		text += fmt.Sprintf(" restart counter %d", s.RestartCounter)
	}
	if !s.LastResponse.IsZero() {
		text += fmt.Sprintf(" last %s after %s", since(s.LastResponse), s.RoundTrip)
	}
	if s.Requests > 0 {
		text += fmt.Sprintf(" requests %d", s.Requests)
	}
	return text
}

// ParseHeartbeat reads "INTERVAL RETRIES TIMEOUT [idle] [nat-reboot]".
func ParseHeartbeat(words []string) (h mobility.Heartbeat, err error) {
	var errs [3]error
	h.Interval, errs[0] = time.ParseDuration(words[0])
	h.Retries, errs[1] = strconv.Atoi(words[1])
	h.Timeout, errs[2] = time.ParseDuration(words[2])
	h.Idle, h.NATReboot = slices.Contains(words, "idle"), slices.Contains(words, "nat-reboot")
	return h, errors.Join(errs[:]...)
}

// ParseMarking reads "CODE-POINT" and "CODE-POINT,force".
func ParseMarking(text string) (m mobility.Marking, err error) {
	text, m.Force = strings.CutSuffix(text, ",force")
	n, err := strconv.ParseUint(text, 10, 6)
	m.CodePoint = uint8(n)
	return m, err
}

// ParseRevocation reads "DELAY-MIN DELAY-MAX RETRIES".
func ParseRevocation(words []string) (r mobility.Revocation, err error) {
	var errs [3]error
	r.DelayMin, errs[0] = time.ParseDuration(words[0])
	r.DelayMax, errs[1] = time.ParseDuration(words[1])
	r.Retries, errs[2] = strconv.Atoi(words[2])
	return r, errors.Join(errs[:]...)
}

// ParseResult reads "installed ID" and "failed ID": what became of a session in the dataplane.
func ParseResult(step Step) (result dataplane.Result, err error) {
	id, err := strconv.ParseUint(step.Args[0], 10, 64)
	result.ID = dataplane.SessionID(id)
	if step.Verb == "failed" {
		result.Err = errors.New("the host says no")
	}
	return result, err
}
