package main

import (
	"encoding/json"
	"strings"
	"syscall"
	"testing"

	"mooring/cmd/mooring/client"
)

const traced = "mn1@lab.example"

// tracing is a trace command that runs.
func (p *process) tracing(args ...string) (out *output, wait func(signal syscall.Signal) int) {
	p.t.Helper()
	cmd := program(privileged, append([]string{"trace", "--state-dir", p.dir}, args...)...)
	out = &output{}
	cmd.Stdout, cmd.Stderr = out, out
	must(p.t, p.host.Start(cmd))
	p.t.Cleanup(func() {
		if cmd.ProcessState == nil {
			cmd.Process.Kill()
			cmd.Wait()
		}
	})
	return out, func(signal syscall.Signal) int {
		if signal != 0 {
			must(p.t, cmd.Process.Signal(signal))
		}
		cmd.Wait()
		return cmd.ProcessState.ExitCode()
	}
}

func (o *output) says(t *testing.T, text string) {
	t.Helper()
	eventually(t, func() string {
		if s := o.String(); !strings.Contains(s, text) {
			return "no " + text + " in\n" + s
		}
		return ""
	})
}

// OPS-17: a node is traced while it is registered anew: messages, decisions, rows and tunnels are told in their order, the trace ends with its
// last record, and secrets are not in it.
func TestTrace(t *testing.T) {
	d := newDomain(t)
	anchor, endAnchor := d.anchor.tracing(traced, "--maximum", "12", "--json")
	anchor.says(t, `"kind":"binding"`) // as it is
	gateway, endGateway := d.gateway.tracing(traced)
	gateway.says(t, " binding ")
	other, endOther := d.anchor.tracing("somebody@lab.example", "--duration", "1h")
	eventually(t, func() string {
		if n := len(d.anchor.traces()); n != 2 {
			return "there are not two traces"
		}
		return ""
	})
	for range 4 {
		d.gateway.command("clear", "bindings", "--node", traced).expect(t, 0)
		d.registered(0)
	}
	if code := endAnchor(0); code != 0 {
		t.Errorf("exit code %d", code)
	}
	kinds, next := map[string]bool{}, uint64(1)
	for line := range strings.Lines(anchor.String()) {
		var r told
		must(t, json.Unmarshal([]byte(line), &r))
		if r.Ended == "" && r.Sequence != next || r.Role != "lma" || r.Machine != "lma" {
			t.Errorf("after %d comes %s", next-1, line)
		}
		kinds[r.Kind+r.Ended] = true
		next++
	}
	for _, kind := range []string{"received", "sent", "binding", "event", "forwarding", "maximum"} {
		if !kinds[kind] {
			t.Errorf("nothing of %s in\n%s", kind, anchor)
		}
	}
	for _, text := range []string{"PBU ", "PBA ", "status 0(accepted)", "binding-created", "through ip tunnel"} {
		if !strings.Contains(anchor.String()+gateway.String(), text) {
			t.Errorf("no %q in\n%s\n%s", text, anchor, gateway)
		}
	}
	for _, secret := range []string{"6d6f6f72696e67206c6162", "mooring lab example"} { // the key of the domain
		if strings.Contains(anchor.String()+gateway.String(), secret) {
			t.Errorf("the key is told in\n%s\n%s", anchor, gateway)
		}
	}
	for i, end := range []func(syscall.Signal) int{endGateway, endOther} {
		if code := end(syscall.SIGINT); code != 0 {
			t.Errorf("interrupted, %d ends with %d:\n%s\n%s", i, code, gateway, other)
		}
	}
	if text := other.String(); text != "" {
		t.Errorf("of a node that is not there was told\n%s", text)
	}
	for nai, records := range d.anchor.traces() {
		if want := map[string]int{traced: 12}[nai]; records != want {
			t.Errorf("%d records of %s, want %d", records, nai, want)
		}
	}
	table := strings.Split(d.anchor.show("traces", "--node", traced), "\n")
	if cells := strings.Fields(table[1]); len(cells) != 7 || cells[2] != traced || cells[5] != "12" {
		t.Errorf("show traces has %q", table)
	}
}

// traces are the nodes that an anchor traces or traced, with the records of each.
func (p *process) traces() map[string]int {
	p.t.Helper()
	s, err := manage(p.t.Context(), &client.Target{StateDir: p.dir})
	must(p.t, err)
	defer s.Close()
	var reply struct {
		Traces []struct {
			NAI     string     `xml:"nai"`
			Records []struct{} `xml:"record"`
		} `xml:"data>pmipv6>lma>trace"`
	}
	must(p.t, s.Do(`<get><filter><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><lma><trace/></lma></pmipv6></filter></get>`, &reply))
	list := map[string]int{}
	for _, x := range reply.Traces {
		list[x.NAI] = len(x.Records)
	}
	return list
}

// What makes no sense traces nothing, and ends as every command does.
func TestTraceUsage(t *testing.T) {
	h := newHost(t, "h")
	p := run(t, h, t.TempDir(), "--startup", "../../examples/lab/ipv6/lma.json")
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"trace", 2, "accepts 1 arg(s), received 0"},
		{"trace x --duration 1ms", 2, "the shortest is 1s"},
		{"trace x --duration 25h", 2, "86400"},
		{"trace x --maximum 0", 2, "10000"},
		{"trace x --maximum 10001", 2, "10000"},
		{"trace x --machine other", 1, "no LMA or MAG with the name other runs"},
	} {
		o := p.command(strings.Fields(c.args)...)
		if o.expect(t, c.code, c.says); o.out != "" {
			t.Errorf("%s: %s", c.args, o.out)
		}
	}
	if list := p.traces(); len(list) != 0 {
		t.Errorf("there are traces: %v", list)
	}
	complete(t, h, privileged, "trace", "x", "--state-dir", t.TempDir()).expect(t, 5, "no element answers in")
}
