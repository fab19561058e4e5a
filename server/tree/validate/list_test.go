package validate

import (
	"fmt"
	"strings"
	"testing"

	"mooring/server/tree"
)

// A tree that breaks every kind of rule is refused with all of it, each problem with its path and its app-tag (RFC 7950 section 15).
func TestEveryProblemIsListedWithItsPath(t *testing.T) {
	s, r := rules(t)
	const document = `{"example-rules:top": {
		"limit": 3, "size": 9, "cable": "x", "word": "xyz", "inner": {"x": 1}, "strict": {"r1": 1}, "port": [1, 2, 3, 4]},
		"example-rules:group": [
			{"name": "a", "weight": 1, "high": 7, "member": [{"id": 1, "friend": 2}]},
			{"name": "b", "weight": 1, "high": 7, "member": [{"id": 1, "boss": 9}]},
			{"name": "c"}, {"name": "d", "member": [{"id": 1}]}, {"name": "e", "member": [{"id": 1}]}],
		"example-rules:ref": [{"id": 1, "group": "zz", "where": "/example-rules:group[name='zz']"}]}`
	root, err := tree.DecodeJSON(strings.NewReader(document), s.Root, tree.DecodeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range tree.Errors(r.Check(tree.Diff(nil, root))) {
		got = append(got, fmt.Sprintf("%s | %s | %s", e.Path, e.AppTag, e.Message))
	}
	const want = `/example-rules:group | too-many-elements | has 5 entries, takes at most 4
/example-rules:group[name='b'] | data-not-unique | weight must be unique: entry /example-rules:group[name='a'] has the same
/example-rules:group[name='b'] | data-not-unique | low and high must be unique: entry /example-rules:group[name='a'] has the same
/example-rules:top/port | too-many-elements | has 4 entries, takes at most 3
/example-rules:top/limit | must-violation | must satisfy . mod 2 = 0
/example-rules:top/size | over | size is over the limit
/example-rules:top/cable |  | exists only when ../link = 'r:wire'
/example-rules:top/word | must-violation | must satisfy re-match(., '[a-c]+')
/example-rules:top/inner | must-violation | x needs y
/example-rules:top/strict/need |  | is mandatory and missing
/example-rules:top/strict/r2 |  | is mandatory and missing
/example-rules:top/more/z | must-violation | must satisfy . < ../../limit
/example-rules:group[name='a']/member[id='1']/friend | instance-required | "2" is not configured: no /example-rules:group/member/id has this value
/example-rules:group[name='b']/member[id='1']/boss | instance-required | "9" is not configured: no /example-rules:group/member/id has this value
/example-rules:group[name='c']/member | too-few-elements | has 0 entries, needs at least 1
/example-rules:ref[id='1']/group | instance-required | "zz" is not configured: no /example-rules:group/name has this value
/example-rules:ref[id='1']/where | instance-required | "/example-rules:group[name='zz']" is not configured: no instance has this value`
	if got := strings.Join(got, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
