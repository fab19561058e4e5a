package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// publishedBlocks are those of the document about LMAs.
var publishedBlocks = map[string]struct {
	base     string   // lines for what a block takes for granted
	imported []string // what the import warns of: all that the feature list expects, and nothing else
	running  []string // what the element warns of as long as it has the configuration, by path below the domain or LMA
}{
	"xr-domain": {"", []string{"SPI 103 (0x67) is one of those that RFC 4285 reserves, 0 to 255 (W-MIX)", "there is no network network2 (W-REF)", "there is no network network3 (W-REF)",
		"there is no customer CUST1 (W-REF)"}, []string{"W-MIX /auth-option/spi"}}, // without an LMA, no network is missed
	"xr-peer-mag": {"ipv6 mobile pmipv6-domain cisco.com\n", []string{"there is no profile profile1 (W-REF)", "there is no domain dn1 (W-REF)",
		"gre-ipv6 needs an IPv6 address of mag1: without one, no tunnel comes up (W-MIX)"},
		[]string{"W-REF /default-profile", "W-REF /mag[id='mag1'][domain='dn1']/domain", "W-MIX /mag[id='mag1'][domain='dn1']/encap", "W-REF /aaa/accounting"}},
	"xr-dynamic-mag":       {"ipv6 mobile pmipv6-domain cisco.com\n", []string{"there is no profile profile1 (W-REF)"}, []string{"W-REF /default-profile", "W-REF /aaa/accounting"}},
	"xr-mobile-local-loop": {"", []string{"there is no network CUST1 (W-REF)"}, []string{"W-REF /nai[id='@CUST1']/network"}},
}

// The tunnel of the second block is one that somebody else has made, which the kernel has to carry: user space refuses the whole block for it.
const madeByOthers = "tunnel interface tunnel-ip 097\n"

var (
	warningLine = regexp.MustCompile(`(?m)^% Warning: (.* \(W-\w+\))$`) // of the text; those of the commit are the element's
	belowEntry  = regexp.MustCompile(`^/mooring-pmipv6:pmipv6/(?:domain|lma)\[[^]]*\]`)
)

// The four published blocks are committed by running elements as they are printed, which warn of what the documents leave open. What they print is the
// same configuration to other elements.
func TestDOC08_PublishedBlocksRun(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(publishedBlocks)) {
		t.Run(name, func(t *testing.T) {
			block := publishedBlocks[name]
			octets, err := os.ReadFile("../../server/ios/testdata/published/" + name + ".txt")
			must(t, err)
			text := string(octets)
			p := inUserSpace(t, "lma")
			if block.base != "" {
				p.importing(block.base).expect(t, 0)
			}
			if strings.Contains(text, madeByOthers) {
				before := p.config()
				p.importing(text).expect(t, 1, "nothing was committed", "/mag[id='mag1'][domain='dn1']/tunnel-interface: interface tunnel-ip97 can be the tunnel only where the kernel carries it")
				if got := p.config(); got != before {
					t.Errorf("a refused block leaves %s", got)
				}
				text = strings.Replace(text, madeByOthers, "", 1)
			}
			o := p.importing(text)
			o.expect(t, 0)
			if !strings.Contains(o.out, "\ncommitted\n") {
				t.Errorf("import says\n%s", o.out)
			}
			var imported, running []string
			for _, m := range warningLine.FindAllStringSubmatch(o.out, -1) {
				imported = append(imported, m[1])
			}
			for _, w := range p.values("warnings") {
				running = append(running, fmt.Sprintf("%s %s", w["code"], belowEntry.ReplaceAllString(w["path"].(string), "")))
			}
			sameWarnings(t, "import", imported, block.imported)
			sameWarnings(t, "the element", running, block.running)

			printed := p.asText()
			other := inUserSpace(t, "other")
			other.importing(printed).expect(t, 0)
			if got, want := other.config(), p.config(); got != want || got == "" {
				t.Errorf("what was printed becomes\n%s\nwant\n%s\n%s", got, want, printed)
			}
			if again := other.asText(); again != printed {
				t.Errorf("another text comes back:\n%s\nwant\n%s", again, printed)
			}
		})
	}
}

func sameWarnings(t *testing.T, who string, got, want []string) {
	t.Helper()
	if slices.Sort(got); !slices.Equal(got, slices.Sorted(slices.Values(want))) {
		t.Errorf("%s warns of\n  %s\nwant\n  %s", who, strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

// inUserSpace runs an element that has tunnels in user space, whatever the host could.
func inUserSpace(t *testing.T, name string) *process {
	t.Helper()
	p := run(t, newHost(t, name), t.TempDir())
	p.set(`"userspace"`, elem("system"), elem("dataplane"), elem("backend"))
	return p
}

// importing commits a text to the element.
func (p *process) importing(text string) outcome {
	p.t.Helper()
	return complete(p.t, p.host, privileged, "import", "--state-dir", p.dir, "--from", "ios-xr", write(p.t, "block.cfg", text), "--target", "local")
}

// asText is the configuration of the element as text.
func (p *process) asText() string {
	p.t.Helper()
	o := complete(p.t, p.host, privileged, "import", "--state-dir", p.dir, "--to", "ios-xr")
	o.expect(p.t, 0)
	return o.out
}
