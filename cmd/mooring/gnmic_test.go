package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"mooring/dataplane/netns"
	"mooring/server/access"
	"mooring/tests/tool"
)

// collector is where gnmic runs: a host, a folder, and names of elements.
type collector struct {
	t    *testing.T
	host *netns.Host
	dir  string
}

// newCollector lets a host know others by names, which the lines of hosts are (hosts(5)).
func newCollector(t *testing.T, host *netns.Host, hosts ...string) *collector {
	t.Helper()
	c := &collector{t, host, t.TempDir()}
	c.write("hosts", strings.Join(hosts, "\n")+"\n")
	return c
}

func (c *collector) write(name, content string) {
	c.t.Helper()
	must(c.t, os.WriteFile(filepath.Join(c.dir, name), []byte(content), 0o600))
}

// shell runs lines of a shell, as the user of an element whose state folder is where the README has it. Nobody is there to type a password.
func (c *collector) shell(ctx context.Context, stateDir, lines string, env ...string) (out *output, wait func() error) {
	c.t.Helper()
	gnmic, err := tool.Path("gnmic")
	must(c.t, err)
	const surroundings = `mount --bind hosts /etc/hosts
		mount -t tmpfs tmpfs /var/lib && mkdir /var/lib/mooring && mount --bind "$STATE" /var/lib/mooring
		sudo() { "$@"; }
		openssl() { command openssl "$@" -stdin <password; }
		`
	cmd := exec.CommandContext(ctx, "unshare", "--mount", "sh", "-ec", surroundings+lines)
	cmd.Dir, cmd.WaitDelay = c.dir, patience
	cmd.Env = append(os.Environ(), append(env, "STATE="+stateDir, "HOME="+c.dir, "PATH="+filepath.Dir(gnmic)+":"+os.Getenv("PATH"))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	out = &output{}
	cmd.Stdout, cmd.Stderr = out, out
	must(c.t, c.host.Start(cmd))
	return out, cmd.Wait
}

// run runs lines that succeed, and returns what they print.
func (c *collector) run(stateDir, lines string, env ...string) string {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), patience)
	defer cancel()
	out, wait := c.shell(ctx, stateDir, lines, env...)
	if err := wait(); err != nil {
		c.t.Fatalf("%s: %v: %s", lines, err, out)
	}
	return out.String()
}

// indented gives the lines of a file that are indented, which are those that people copy, up to the first and the last with these words.
func indented(t *testing.T, file, first, last string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	must(t, err)
	lines := slices.DeleteFunc(strings.Split(string(text), "\n"), func(line string) bool { return !strings.HasPrefix(line, "    ") })
	has := func(words string) func(string) bool {
		return func(line string) bool { return strings.Contains(line, words) }
	}
	from := slices.IndexFunc(lines, has(first))
	if from < 0 {
		t.Fatalf("%s: no line has %q", file, first)
	}
	lines = lines[from:]
	to := slices.IndexFunc(lines, has(last))
	if to < 0 {
		t.Fatalf("%s: no line has %q after %q", file, last, first)
	}
	for i := range lines {
		lines[i] = lines[i][len("    "):]
	}
	return strings.Join(lines[:to+1], "\n") + "\n"
}

// TestReadmeOfGnmic runs the lines of the README that make a user and that speak gnmic, word for word: alice is made by the first, and asks the others.
func TestReadmeOfGnmic(t *testing.T) {
	const readme = "../../README.md"
	d := newDomain(t)
	c := newCollector(t, d.lma, "127.0.0.1 lma1")
	c.write("password", "correct horse\n")
	made := c.run(d.lmaDir, indented(t, readme, "cat > alice.json", "sudo gnmic"))
	if !strings.Contains(made, `"operation": "UPDATE"`) {
		t.Errorf("alice is not made: %s", made)
	}
	login := strings.ReplaceAll(indented(t, readme, "export GNMIC_PASSWORD=", "export GNMIC_PASSWORD="), "…", "'correct horse'")
	if got := c.run(d.lmaDir, login+indented(t, readme, "gnmic -a lma1:9339 -u alice --skip-verify get", " get ")); !strings.Contains(got, `"domain": "lab.example"`) {
		t.Errorf("get: %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	told, wait := c.shell(ctx, d.lmaDir, login+indented(t, readme, "gnmic -a lma1:9339 -u alice --skip-verify subscribe", " subscribe "))
	eventually(t, func() string {
		if !strings.Contains(told.String(), `"mn-id": "mn1@lab.example"`) {
			return "subscribe: " + told.String()
		}
		return ""
	})
	cancel()
	wait()
}

// TestGnmicExample does with an anchor and a gateway what the README of the example says: a user who only reads is made on both, and gnmic
// runs with the file as it is. Every target is told of by every subscription it has, and nothing is refused.
func TestGnmicExample(t *testing.T) {
	const folder = "../../examples/gnmic/"
	file, err := os.ReadFile(folder + "gnmic.yaml")
	must(t, err)
	var example struct {
		Targets map[string]struct{ Subscriptions []string }
	}
	must(t, yaml.Unmarshal(file, &example))

	d := newDomain(t)
	c := newCollector(t, d.lma, "127.0.0.1 lma1.example.net", "2001:db8:0:11::2 mag1.example.net")
	c.write("gnmic.yaml", string(file))
	hash, err := access.HashPassword("collect")
	must(t, err)
	users, _, _ := strings.Cut(indented(t, folder+"README.md", "{", "gnmic --config"), "\n}\n")
	users = strings.ReplaceAll(users, "$6$…", hash) + "}"
	for name, p := range map[string]*process{"lma1": d.anchor, "mag1": d.gateway} {
		p.set(users)
		must(t, os.Remove(filepath.Join(p.dir, "keys/certificate.pem")), os.Remove(filepath.Join(p.dir, "keys/certificate-key.pem")))
		root, err := os.OpenRoot(p.dir)
		must(t, err)
		defer root.Close()
		_, err = access.LoadKeys(root, name+".example.net", time.Now()) // as on a host of that name
		must(t, err)
		certificate, err := os.ReadFile(filepath.Join(p.dir, "keys/certificate.pem"))
		must(t, err)
		c.write(name+".pem", string(certificate))
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	command := strings.ReplaceAll(indented(t, folder+"README.md", "gnmic --config", "gnmic --config"), "…", "collect")
	log, wait := c.shell(ctx, d.lmaDir, command)
	eventually(t, func() string {
		told, err := c.told()
		if err != nil {
			return err.Error()
		}
		for target, x := range example.Targets {
			for _, s := range x.Subscriptions {
				if told[target+" "+s] == 0 {
					return fmt.Sprintf("%s tells nothing of %s; told is %v, log:\n%s", target, s, told, log)
				}
			}
		}
		return ""
	})
	cancel()
	wait()
	if regexp.MustCompile(`(?i)rpc error|failed`).MatchString(log.String()) {
		t.Errorf("log: %s", log)
	}
	const gnmic = "gnmic -a lma1.example.net:9339 --tls-ca lma1.pem -u collector -p collect "
	if out := c.run(d.lmaDir, gnmic+"set --update /system/host-name:::string:::x && exit 1 || true"); !strings.Contains(out, "PermissionDenied") {
		t.Errorf("the collector writes: %s", out)
	}
	if out := c.run(d.lmaDir, gnmic+"get --path /system"); strings.Contains(out, "$6$") || !strings.Contains(out, `"version"`) {
		t.Errorf("the collector reads: %s", out)
	}
}

// told counts by target and subscription the events that gnmic wrote.
func (c *collector) told() (map[string]int, error) {
	text, err := os.ReadFile(filepath.Join(c.dir, "telemetry.json"))
	if err != nil {
		return nil, err
	}
	told := map[string]int{}
	for decoder := json.NewDecoder(bytes.NewReader(text)); decoder.More(); {
		var event struct {
			Name string
			Tags map[string]string
		}
		if err := decoder.Decode(&event); err != nil {
			return told, nil // the last one is being written
		}
		told[event.Tags["source"]+" "+event.Name]++
	}
	return told, nil
}
