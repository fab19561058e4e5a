package wire

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write testdata/*.txt anew; look at the difference before committing it")

// The lines that people read in traces.
func TestVectorsText(t *testing.T) {
	var b strings.Builder
	for _, v := range vectors(t, true) {
		m, err := Parse(v.MH)
		if err != nil {
			fmt.Fprintf(&b, "%s: %v\n", v.Name, err)
			continue
		}
		fmt.Fprintf(&b, "%s: %v\n", v.Name, m)
	}
	mh, err := everything().AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	m, err := Parse(mh)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "everything: %v\n", m)
	file := filepath.Join("testdata", "text.txt")
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("got:\n%s\nwant:\n%s", b.String(), want)
	}
}

// One line stays one line, and text that was made to mislead is shown as octets.
func TestTextOfHostileIdentifiers(t *testing.T) {
	for id, want := range map[string]string{
		"mn1@example.com":   "mn1@example.com",
		"grün@example.com":  "grün@example.com",
		"":                  `""`,
		"a b":               "0x612062",
		"a\nPBA seq 1":      "0x610a50424120736571 2031",
		"\x1b[2J":           "0x1b5b324a",
		"\xff\xfe":          "0xfffe",
		"\u202emoc.elpmaxe": "0xe280ae6d6f632e656c706d617865",
	} {
		if got := (MNID{IDNAI, []byte(id)}).String(); got != strings.ReplaceAll(want, " ", "") {
			t.Errorf("%q is shown as %s, want %s", id, got, want)
		}
	}
	if got := (MNID{IDIMSI, []byte{0x26, 0x20}}).String(); got != "imsi:2620" {
		t.Errorf("IMSI is shown as %s", got)
	}
}

// Every registered number has a name, each its own; others show as numbers.
func TestNames(t *testing.T) {
	for _, c := range []struct {
		what  string
		name  func(int) string
		named []int // first and last of each registered range
		max   int
	}{
		{"message type", func(i int) string { return Type(i).String() }, []int{0, 23}, 255},
		{"option type", func(i int) string { return OptionType(i).String() }, []int{0, 70}, 255},
		{"status", func(i int) string { return Status(i).String() }, []int{0, 6, 128, 180}, 255},
		{"handoff indicator", func(i int) string { return Handoff(i).String() }, []int{0, 6}, 255},
		{"access type", func(i int) string { return AccessType(i).String() }, []int{0, 13}, 255},
		{"revocation trigger", func(i int) string { return RevocationTrigger(i).String() }, []int{0, 7, 128, 129}, 255},
		{"revocation status", func(i int) string { return RevocationStatus(i).String() }, []int{0, 1, 128, 135}, 255},
		{"home address status", func(i int) string { return HoAStatus(i).String() }, []int{0, 0, 128, 132}, 255},
		{"notification reason", func(i int) string { return NotificationReason(i).String() }, []int{1, 8}, 1000},
		{"notification status", func(i int) string { return UpdateStatus(i).String() }, []int{0, 0, 128, 132}, 255},
		{"binding error", func(i int) string { return BindingErrorStatus(i).String() }, []int{1, 2}, 255},
		{"QoS operation", func(i int) string { return QoSOp(i).String() }, []int{0, 5}, 255},
	} {
		seen := map[string]int{}
		for i := range c.max + 1 {
			registered := false
			for r := 0; r < len(c.named); r += 2 {
				registered = registered || c.named[r] <= i && i <= c.named[r+1]
			}
			got := c.name(i)
			if (got != fmt.Sprint(i)) != registered {
				t.Errorf("%s %d is %q, registered: %v", c.what, i, got, registered)
			}
			if before, twice := seen[got]; twice {
				t.Errorf("%s %d and %d are both %q", c.what, before, i, got)
			}
			seen[got] = i
		}
	}
}

func TestFlagText(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{(UpdateA | UpdateP).String(), "A|P"},
		{UpdateFlags(0xffff).String(), "A|H|L|K|M|R|P|F|T|B|S|D|0xf"},
		{UpdateFlags(0).String(), "-"},
		{(AckP | AckT).String(), "P|T"},
		{AckFlags(1).String(), "0x1"},
		{(RevocationP | RevocationG).String(), "P|G"},
		{(HeartbeatU | HeartbeatR).String(), "U|R"},
		{HeartbeatFlags(0x8001).String(), "R|0x8000"},
		{NotificationD.String(), "D"},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}

func TestErrorText(t *testing.T) {
	for _, c := range []struct {
		err  DecodeError
		want string
	}{
		{DecodeError{KindType, 2, 99, 0}, "malformed mobility header: type 99 is not spoken here"},
		{DecodeError{KindPayloadProto, 0, TypeBindingUpdate, 0}, "malformed mobility header (binding-update): payload-proto at octet 0"},
		{DecodeError{KindOptionLength, 37, TypeBindingUpdate, OptionHNP}, "malformed binding-update: option-length in option 22 (home-network-prefix) at octet 37"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
	_, err := (&BindingUpdate{Options: Options{MNID: Some(MNID{IDNAI, make([]byte, 255)})}}).AppendBinary(nil)
	if err == nil || !strings.HasPrefix(err.Error(), "encode binding-update: option 8 cannot carry 0x0000") {
		t.Errorf("got %v", err)
	}
}
