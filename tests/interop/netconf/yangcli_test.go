package netconf

import (
	"strings"
	"testing"

	"mooring/server/model"
	"mooring/server/tree/schema"
)

// twoEdits is a change of which the second half fails.
const twoEdits = `<orchard xmlns="urn:example:orchard" xmlns:nc="urn:ietf:params:xml:ns:netconf:base:1.0">
<tree><row>R</row><number>1</number><kind>apple</kind></tree><owner nc:operation="create">dan</owner></orchard>`

// yangcli compiles every module that the server offers, fetched by get-schema, and reads replies by them. It takes neither
// submodules that augment their module nor derived-from(), so that it gets a small model beside the standard ones.
// Its commit and copy-config take no parameters and no URLs, which ncclient has to show.
func TestYangcli(t *testing.T) {
	modules := []schema.Source{{Name: "example-orchard", Implement: true}}
	for _, m := range model.Sources() {
		if strings.HasPrefix(m.Name, "ietf-netconf") || m.Name == "ietf-yang-library" {
			m.Implement = true
			modules = append(modules, m)
		}
	}
	e := serve(t, modules)
	for _, c := range []struct {
		name, script string
		want         []string
	}{
		{"edit", `
lock target=candidate
merge /orchard/owner value=ann
create /orchard/tree[row='A'][number='1']/kind value=pear
validate source=candidate
commit
unlock target=candidate
xget-config source=running select=/orchard/tree[row='A']/kind
sget-config source=running /orchard/owner
close-session
`, []string{"kind pear", "owner ann"}},
		{"discard", "create /orchard/tree[row='Z'][number='9']/kind value=pear\ndiscard-changes\nxget-config source=candidate select=/orchard/tree[row='Z']\nclose-session\n", []string{"RPC OK Reply"}},
		{"commit", "merge /orchard/owner value=cid\nsget-config source=running /orchard/owner\ncommit\nsget-config source=running /orchard/owner\nclose-session\n", []string{"owner ann", "owner cid"}},
		{"rollback on error", "edit-config target=candidate default-operation=merge error-option=rollback-on-error config=@" + file(t, twoEdits) +
			"\n", []string{"error-tag data-exists", "error-path /or:orchard/or:owner"}},
		{"nothing of it is left", "get-config source=candidate\nclose-session\n", []string{"owner cid"}},
		{"defaults", "get-config source=running with-defaults=report-all\nclose-session\n", []string{"height 2.5"}},
		{"state", "sget /netconf-state/sessions\nclose-session\n", []string{"username operator", "transport", "netconf-ssh"}},
		{"schema", "get-schema identifier=example-orchard version=2026-11-22 format=yang\nclose-session\n", []string{"namespace \"urn:example:orchard\""}},
		{"refused", "create /orchard/owner value=bob\n", []string{"error-tag data-exists", "error-path /or:orchard/or:owner"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, err := run(t, "", "yangcli", "--batch-mode", "--server="+e.addr.Addr().String(), "--ncport="+port(e), "--user="+user,
				"--password="+password, "--log-level=info", "--run-script="+file(t, c.script))
			said := strings.Join(strings.Fields(out), " ")
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in what yangcli says (%v)\n%s", want, err, out)
				}
			}
			if strings.Contains(said, "kind apple") {
				t.Errorf("an edit that failed has left something behind:\n%s", out)
			}
			if c.name != "refused" && c.name != "rollback on error" && (strings.Contains(said, "rpc-error {") || strings.Contains(said, "Error: ")) {
				t.Errorf("yangcli is not content:\n%s", out)
			}
		})
	}
}
