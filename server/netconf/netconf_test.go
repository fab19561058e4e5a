package netconf

import "testing"

func TestOneEdit(t *testing.T) {
	c := start(t, "", Limits{}).dial(admin)
	c.must(edit(top("<name>a</name>")), commit)
	if got := c.traps("running"); got != "<name>a</name>" {
		t.Errorf("running holds %s", got)
	}
	c.must("<close-session/>")
	c.ended()
}
