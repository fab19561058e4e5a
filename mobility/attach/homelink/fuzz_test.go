package homelink

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"mooring/mobility"
)

// FuzzReceive lets anything arrive from a link with a node that is served and one that is not: no frame makes the machine send
// more than one, keep more nodes than it may, or write into it.
func FuzzReceive(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if words := strings.Fields(line); len(words) > 2 && words[1] == "recv" {
				b, err := build(words[2:])
				if err != nil {
					f.Fatal(err)
				}
				f.Add(b)
			}
		}
	}
	mag, err := parseConfig(nil)
	if err != nil {
		f.Fatal(err)
	}
	m := New(mag, &mag.Links[0], rand.New(rand.NewPCG(1, 1)))
	p := player{Machine: m, now: start}
	var out Effects
	m.Up(start, mac("01"), 1500, &out)
	m.Receive(start, dataFrame(mac("bb")), &out)
	grant, err := p.parseGrant(strings.Fields("aa hnp=2001:db8:a::/64 home=10.1.0.2/16 router=10.1.0.1 life=1h"))
	if err != nil {
		f.Fatal(err)
	}
	m.Grant(start, grant, &out)
	now := start
	f.Fuzz(func(t *testing.T, b []byte) {
		now = now.Add(time.Second)
		before := bytes.Clone(b)
		out := Effects{}
		m.Receive(now, b, &out)
		if !bytes.Equal(b, before) {
			t.Fatal("the machine writes into the frame")
		}
		if len(out.Frames) > 1 || len(m.nodes) > maxStrangers+1 {
			t.Fatalf("%d frames are sent, %d nodes kept", len(out.Frames), len(m.nodes))
		}
		for _, b := range out.Frames {
			if text := describe(b); strings.Contains(text, "checksum") {
				t.Fatal(text)
			}
		}
		for _, a := range out.Attachments {
			if a.Kind == mobility.LinkLost || a.Kind == mobility.NodeDetached {
				t.Fatalf("a frame ends an attachment: %v", a)
			}
		}
	})
}
