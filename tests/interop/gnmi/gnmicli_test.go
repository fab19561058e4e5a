package gnmi

import (
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a run of the client may take.
const patience = 30 * time.Second

// command is a run of gnmi_cli over TLS, with a name and a password from its surroundings.
func (e *element) command(ctx context.Context, args ...string) *exec.Cmd {
	args = append([]string{"-a", e.addr.String(), "-ca_crt", e.dir + "/ca.crt", "-server_name", "localhost", "-with_user_pass", "-timeout", "20s"}, args...)
	cmd := exec.CommandContext(ctx, gnmiCLI, args...)
	cmd.Env = append(os.Environ(), "GNMI_USER="+user, "GNMI_PASS="+password)
	return cmd
}

// run returns what gnmi_cli prints, and whether it succeeded.
func run(cmd *exec.Cmd) (out string, ok bool) {
	var both bytes.Buffer
	cmd.Stdout, cmd.Stderr = &both, &both
	err := cmd.Run()
	return both.String(), err == nil
}

// does runs gnmi_cli and checks that it says certain words.
func (e *element) does(t *testing.T, args []string, words ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, ok := run(e.command(ctx, args...))
	if !ok {
		t.Fatalf("gnmi_cli %q: %s", args, out)
	}
	contains(t, out, words...)
	return out
}

// refused runs gnmi_cli, which is to fail with certain words.
func (e *element) refused(t *testing.T, args []string, words ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	out, ok := run(e.command(ctx, args...))
	if ok {
		t.Errorf("gnmi_cli %q succeeds: %s", args, out)
	}
	contains(t, out, words...)
}

func contains(t *testing.T, out string, words ...string) {
	t.Helper()
	out = strings.Join(strings.Fields(out), " ") // the spaces of prototext vary on purpose
	for _, w := range words {
		if !strings.Contains(out, w) {
			t.Errorf("there is no %q in: %s", w, out)
		}
	}
}

// shown is how gnmi_cli prints a value in the encoding JSON, which it asks for.
func shown(value string) string { return "{Deprecated TypedValue_JsonVal " + value + "}" }

func TestCapabilities(t *testing.T) {
	serve(t).does(t, []string{"-capabilities"}, `name: "mooring-pmipv6"`, `name: "ietf-netconf-acm"`, "supported_encodings: JSON_IETF", "gNMI_version:")
}

const bceMaximum = `path: {elem: {name: "pmipv6"} elem: {name: "lma" key: {key: "name" value: "lma1"}} elem: {name: "bce"} elem: {name: "maximum"}}`

func TestSetAndGet(t *testing.T) {
	e := serve(t)
	e.does(t, []string{"-set", "-proto", `update: {` + bceMaximum + ` val: {uint_val: 777}}`}, "op: UPDATE")
	e.does(t, []string{"-get", "-proto", bceMaximum + ` encoding: JSON_IETF`}, `json_ietf_val: "777"`)
	e.does(t, []string{"-get", "-proto", bceMaximum + ` encoding: PROTO`}, `uint_val: 777`)
	before := e.store.Running()
	e.refused(t, []string{"-set", "-proto", `update: {` + bceMaximum + ` val: {string_val: "many"}} update: {path: {elem: {name: "nothing"}} val: {uint_val: 1}}`},
		"InvalidArgument", "maximum", "nothing")
	if e.store.Running() != before {
		t.Error("something was committed")
	}
	e.does(t, []string{"-set", "-proto", `delete: {elem: {name: "pmipv6"} elem: {name: "lma"} elem: {name: "bce"}}`}, "op: DELETE")
	e.refused(t, []string{"-get", "-proto", `path: {elem: {name: "nothing"}}`}, "Unimplemented", "nothing")
}

func TestCommitConfirmed(t *testing.T) {
	e := serve(t)
	e.does(t, []string{"-set", "-proto", `update: {` + bceMaximum + ` val: {uint_val: 5}} extension: {commit: {id: "c1" commit: {rollback_duration: {seconds: 60}}}}`}, "op: UPDATE")
	e.refused(t, []string{"-set", "-proto", `update: {` + bceMaximum + ` val: {uint_val: 6}}`}, "FailedPrecondition")
	e.does(t, []string{"-set", "-proto", `extension: {commit: {id: "c1" cancel: {}}}`})
	if out := e.does(t, []string{"-get", "-proto", bceMaximum}); strings.Contains(out, `"5"`) {
		t.Errorf("after it was cancelled: %s", out)
	}
}

func TestSubscribeOnce(t *testing.T) {
	e := serve(t)
	e.put(1, 41)
	e.put(2, 42)
	e.does(t, []string{"-t", "lma1", "-qt", "once", "-dt", "s", "-q", "pmipv6/lma/bindings/binding"},
		"lma1/pmipv6/lma/lma1/bindings/binding/1/sequence, "+shown("41"), "lma1/pmipv6/lma/lma1/bindings/binding/2/mn-id, "+shown("node2@example.net"))
	e.does(t, []string{"-dt", "p", "-proto", `subscribe: {mode: ONCE prefix: {target: "x" origin: "mooring"} encoding: PROTO subscription: {` +
		`path: {elem: {name: "mooring-system:system"} elem: {name: "host-name"}}}}`}, `target: "x"`, `origin: "mooring"`, `string_val: "lma1"`, "sync_response: true")
}

// lines collects what a program prints and lets tests wait for it.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text.Write(p)
	select {
	case l.more <- struct{}{}:
	default:
	}
	return len(p), nil
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *lines) until(t *testing.T, ctx context.Context, word string) {
	t.Helper()
	l.count(t, ctx, word, 1)
}

// count waits until something was printed so often.
func (l *lines) count(t *testing.T, ctx context.Context, word string, times int) {
	t.Helper()
	for {
		text := l.String()
		if strings.Count(text, word) >= times {
			return
		}
		select {
		case <-l.more:
		case <-ctx.Done():
			t.Fatalf("there is not %d times %q in: %s", times, word, text)
		}
	}
}

func TestSubscribeStreaming(t *testing.T) {
	e := serve(t)
	e.put(1, 41)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	said := &lines{more: make(chan struct{}, 1)}
	cmd := e.command(ctx, "-t", "lma1", "-qt", "streaming", "-dt", "s", "-q", "pmipv6/lma/bindings,mooring-system:system/host-name")
	cmd.Stdout, cmd.Stderr = said, io.Discard
	check(t, cmd.Start())
	const binding = "lma1/pmipv6/lma/lma1/bindings/binding/"
	said.until(t, ctx, binding+"1/sequence, "+shown("41"))
	e.put(1, 4242)
	said.until(t, ctx, binding+"1/sequence, "+shown("4242"))
	e.put(9, 99)
	said.until(t, ctx, binding+"9/sequence, "+shown("99"))
	e.does(t, []string{"-set", "-proto", `update: {path: {elem: {name: "mooring-system:system"} elem: {name: "host-name"}} val: {string_val: "renamed"}}`})
	said.until(t, ctx, "renamed")
	cancel()
	cmd.Wait() // it is killed
}

func TestPolling(t *testing.T) {
	e := serve(t)
	e.put(1, 41)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	said := &lines{more: make(chan struct{}, 1)}
	cmd := e.command(ctx, "-t", "lma1", "-qt", "polling", "-pi", "100ms", "-q", "pmipv6/lma/bindings")
	cmd.Stdout, cmd.Stderr = said, said
	check(t, cmd.Start())
	said.until(t, ctx, `"sequence": `+shown("41"))
	e.put(1, 4242)
	said.until(t, ctx, `"sequence": `+shown("4242"))
	cancel()
	cmd.Wait()
}

func TestWhoComesIn(t *testing.T) {
	e := serve(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	wrong := e.command(ctx, "-capabilities")
	wrong.Env = append(os.Environ(), "GNMI_USER="+user, "GNMI_PASS=wrong")
	out, ok := run(wrong)
	if contains(t, out, "Unauthenticated"); ok {
		t.Error("a wrong password comes in")
	}
	tlsOnly := []string{"-a", e.addr.String(), "-ca_crt", e.dir + "/ca.crt", "-server_name", "localhost", "-timeout", "20s", "-capabilities"}
	out, ok = run(exec.CommandContext(ctx, gnmiCLI, append(tlsOnly, "-client_crt", e.dir+"/client.crt", "-client_key", e.dir+"/client.key")...))
	if contains(t, out, "mooring-pmipv6"); !ok {
		t.Error("a client certificate does not come in")
	}
	out, ok = run(exec.CommandContext(ctx, gnmiCLI, tlsOnly...))
	if contains(t, out, "Unauthenticated"); ok {
		t.Error("nobody comes in")
	}
	out, ok = run(exec.CommandContext(ctx, gnmiCLI, "-a", "unix:"+e.socket, "-insecure", "-timeout", "20s", "-capabilities"))
	if contains(t, out, "mooring-pmipv6"); !ok {
		t.Error("the owner of the process does not come in at the local socket")
	}
}
