// Package nodes tests what hosts that know nothing of mobility get of whole elements.
package nodes

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"testing"

	"mooring/cmd/mooring/element"
	"mooring/dataplane/netns"
)

// asElement is the variable that says which state folder this process is an element of.
const asElement = "MOORING_TEST_ELEMENT"

func TestMain(m *testing.M) {
	if dir := os.Getenv(asElement); dir != "" {
		if err := beElement(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	netns.Main(m)
}

// beElement runs until it is killed.
func beElement(dir string) error {
	none := []netip.AddrPort{}
	e, err := element.Start(context.Background(), element.Options{
		StateDir: dir, Startup: dir + "/startup.json", NETCONF: none, GNMI: none, Metrics: none, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
	})
	if err != nil {
		return err
	}
	fmt.Println("ready")
	return e.Wait(context.Background())
}

// run starts an element in a host, for as long as the test runs.
func run(t *testing.T, h *netns.Host, configuration string) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(dir+"/startup.json", []byte(configuration), 0o600))
	log, err := os.Create(dir + "/log")
	must(t, err)
	defer log.Close()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env, cmd.Stderr = append(os.Environ(), asElement+"="+dir), log
	out, err := cmd.StdoutPipe()
	must(t, err, h.Start(cmd))
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			text, _ := os.ReadFile(dir + "/log")
			t.Logf("%s:\n%s", h.Name, text)
		}
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		t.Fatalf("%s does not start: %q, %v", h.Name, line, err)
	}
}
