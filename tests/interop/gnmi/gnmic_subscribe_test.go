package gnmi

import (
	"context"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// follow starts gnmic, which goes on until the test ends, and returns what it says. log is what it says of what went wrong.
func (e *element) follow(t *testing.T, args string) (said, log *lines) {
	t.Helper()
	said, log = &lines{more: make(chan struct{}, 1)}, &lines{more: make(chan struct{}, 1)}
	e.start(t, e.gnmicRun(t.Context(), e.gnmic(strings.Fields("--log --retry 100ms "+args)...)...), said, log)
	return said, log
}

func (e *element) start(t *testing.T, cmd *exec.Cmd, out, problems io.Writer) {
	t.Helper()
	cmd.Stdout, cmd.Stderr = out, problems
	check(t, cmd.Start())
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
}

// waiting bounds how long a test waits for words.
func waiting(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

func TestGnmicSubscribeOnce(t *testing.T) {
	e := serve(t)
	e.put(1, 41)
	e.put(2, 42)
	const list = "pmipv6/lma[name=lma1]/bindings/binding"
	for args, words := range map[string][]string{
		"-e proto sub --format flat --path /pmipv6/lma/bindings/binding": {list + "[id=1]/sequence: 41", list + "[id=2]/mn-id: node2@example.net", list + "[id=1]/hnp: [2001:db8:800:1::/64]"},
		"-e json_ietf sub --path /pmipv6/lma/bindings/binding[id=2]":     {`"prefix": "` + list + `[id=2]"`, `"Path": "sequence"`, `"sequence": 42`},
		"-e ascii sub --format flat --path /pmipv6/lma/bindings":         {list + "[id=1]/sequence: 41"},
		"sub --format event --path /pmipv6/lma/bindings/binding/mn-id":   {`"/pmipv6/lma/bindings/binding/mn-id": "node1@example.net"`, `"lma_name": "lma1"`},
		"sub --format prototext --target x --path mooring:/system/host-name --path mooring:/pmipv6/lma/domain": {
			`target: "x"`, `origin: "mooring"`, `\"lma1\"`, `\"example.net\"`},
		"sub --format flat --prefix /pmipv6/lma[name=lma1] --path bindings/binding/sequence": {list + "[id=2]/sequence: 42"},
		"sub --format prototext --updates-only --path /pmipv6":                               nil,
		"sub --format flat --model mooring-system --path /":                                  {"system/host-name: lma1"},
	} {
		out := e.gnmicDoes(t, args+" --mode once", words...)
		if strings.Contains(args, "updates-only") && strings.Contains(out, "update:") || strings.Contains(args, "--model") && strings.Contains(out, "pmipv6") {
			t.Errorf("%s: %s", args, out)
		}
	}
	e.gnmicRefused(t, "sub --mode once --path /nothing", "Unimplemented", "nothing")
	e.gnmicRefused(t, "-e bytes sub --mode once --path /pmipv6", "Unimplemented", "BYTES")
	e.gnmicRefused(t, "sub --mode once --history-snapshot 2026-01-01T00:00:00Z --path /pmipv6", "Unimplemented", "history")
}

func TestGnmicSubscribeStream(t *testing.T) {
	e := serve(t)
	e.put(1, 41)
	const sequence = "pmipv6/lma[name=lma1]/bindings/binding[id=1]/sequence: "
	const sub = "-e proto sub --format flat --path /pmipv6/lma/bindings/binding/sequence --stream-mode "
	for mode, args := range map[string]string{
		"on change":             "on-change",
		"target-defined":        "target-defined",
		"on change, heartbeats": "on-change --heartbeat-interval 1s",
		"sample":                "sample -i 1s",
		"suppress redundant":    "sample -i 1s --suppress-redundant --heartbeat-interval 1s",
	} {
		t.Run(mode, func(t *testing.T) {
			e.put(1, 41)
			said, _ := e.follow(t, sub+args)
			ctx := waiting(t)
			said.until(t, ctx, sequence+"41")
			if again := strings.Contains(args, "1s"); again {
				said.count(t, ctx, sequence+"41", 3)
			}
			e.put(1, 4242)
			said.until(t, ctx, sequence+"4242")
		})
	}
	t.Run("updates only", func(t *testing.T) {
		said, _ := e.follow(t, "-e proto sub --format prototext --updates-only --stream-mode on-change --path /pmipv6/lma/bindings --path /system/host-name")
		ctx := waiting(t)
		said.until(t, ctx, "sync_response:")
		if text := said.String(); strings.Contains(text, "update:") {
			t.Errorf("before sync: %s", text)
		}
		e.put(9, 99)
		said.until(t, ctx, "node9@example.net")
		e.bindings.Delete(9)
		said.until(t, ctx, "delete:")
		e.gnmicDoes(t, "set --update /system/host-name:::string:::renamed")
		said.until(t, ctx, "renamed")
	})
	// What is refused gnmic tells in its log only, and tries again.
	t.Run("refused", func(t *testing.T) {
		_, log := e.follow(t, "sub --stream-mode sample -i 1ms --path /pmipv6")
		log.until(t, waiting(t), "the shortest is 1s")
		_, log = e.follow(t, "sub --stream-mode on-change --path /nothing")
		log.until(t, waiting(t), `no node "nothing"`)
	})
}

// In mode POLL gnmic has a menu on the terminal, which script(1) gives it.
func TestGnmicPoll(t *testing.T) {
	e := serve(t)
	e.put(1, 41)
	args := e.gnmic("-e", "proto", "sub", "--mode", "poll", "--format", "flat", "--path", "/pmipv6/lma/bindings/binding/sequence")
	for i, word := range args {
		args[i] = "'" + word + "'"
	}
	cmd := exec.CommandContext(t.Context(), "script", "-q", "-c", gnmic+" "+strings.Join(args, " "), "/dev/null")
	cmd.Env = append(e.gnmicRun(t.Context()).Env, "TERM=vt100")
	keys, err := cmd.StdinPipe()
	check(t, err)
	said := &lines{more: make(chan struct{}, 1)}
	e.start(t, cmd, said, said)
	ctx := waiting(t)
	said.until(t, ctx, "binding[id=1]/sequence: 41")
	e.put(1, 4242)
	for _, menu := range []string{"select target to poll", "select subscription to poll"} {
		said.until(t, ctx, menu)
		_, err = io.WriteString(keys, "\r")
		check(t, err)
	}
	said.until(t, ctx, "binding[id=1]/sequence: 4242")
}
