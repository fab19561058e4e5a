package main

import (
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// list is a list whose entries are configured and read.
type list struct {
	name, what  string
	open, close string // of the document, around the entries
	tag         string // of an entry
	key         func(i int) string
	leaves      func(i, other int) string // besides the key; other asks for another value of one of them
	yang        string                    // of the module, unless it is one of ours
}

//go:embed yang/wide.yang
var wideModule string

// lists are those to choose from. Of our own lists that can have many entries none has as many leaves as other servers are measured
// with; wide has.
var lists = []list{
	{
		name: "nai", what: "NAIs of a domain, 4 leaves each",
		open: `<pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><domain><name>bench</name><lma><id>lma1</id></lma>`, close: `</domain></pmipv6>`,
		tag: "nai",
		key: func(i int) string { return "<id>" + nai(i) + "</id>" },
		leaves: func(_, other int) string {
			return "<network>net-a</network><service>" + either(other, "dual", "ipv6") + "</service><lma>lma1</lma>"
		},
	},
	{
		name: "mag", what: "MAGs that an LMA knows, 9 leaves each",
		open:  `<pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><domain><name>bench</name></domain><lma><name>lma1</name><domain>bench</domain>`,
		close: `</lma></pmipv6>`,
		tag:   "mag",
		key:   func(i int) string { return fmt.Sprintf("<id>mag%07d</id><domain>bench</domain>", i) },
		leaves: func(i, other int) string {
			return fmt.Sprintf("<ipv4-address>%s</ipv4-address><ipv6-address>2001:db8::%x:%x</ipv6-address>"+
				"<auth-option><spi>%d</spi><key>secret of mag %d</key></auth-option>"+
				"<auth-scope>registration</auth-scope><auth-home-address>first-prefix</auth-home-address><encap>%s</encap>",
				ipv4(i), i>>16, i&0xffff, 1000+i, i, either(other, "gre-ipv4", "gre-ipv6"))
		},
	},
	{
		name: "wide", what: "entries of 13 leaves of a module that nothing obeys",
		open: `<hosts xmlns="urn:mooring:bench:wide">`, close: `</hosts>`,
		tag: "host",
		key: func(i int) string { return fmt.Sprintf("<name>host%07d</name>", i) },
		leaves: func(i, other int) string {
			return fmt.Sprintf("<description>number %d of many</description><enabled>true</enabled><role>%s</role><address>%s</address>"+
				"<prefix>2001:db8:%x:%x::/64</prefix><mtu>1500</mtu><lifetime>%d</lifetime><weight>%d</weight><load>%d.25</load>"+
				"<realm>r%d.example.net</realm><mac>02:00:00:%02x:%02x:%02x</mac><label>%d</label>",
				i, either(other, "edge", "core"), ipv4(i), i>>16, i&0xffff, i+1, i%256, i%100, i%1000, i>>16&0xff, i>>8&0xff, i&0xff, uint64(i)<<33)
		},
		yang: wideModule,
	},
}

func nai(i int) string { return fmt.Sprintf("user%07d@example.net", i) }

func either(other int, one, two string) string {
	if other%2 == 0 {
		return one
	}
	return two
}

func ipv4(i int) string { return fmt.Sprintf("10.%d.%d.%d", i>>16&0xff, i>>8&0xff, i&0xff) }

func listNamed(name string) (list, error) {
	var names []string
	for _, l := range lists {
		if l.name == name {
			return l, nil
		}
		names = append(names, l.name)
	}
	return list{}, fmt.Errorf("--list %s: it has to be one of %s", name, strings.Join(names, ", "))
}

// xml holds the entries from first to before last; other asks for another value of one leaf.
func (l list) xml(first, last, other int) string {
	var b strings.Builder
	b.WriteString(l.open)
	for i := first; i < last; i++ {
		fmt.Fprintf(&b, "<%s>%s%s</%[1]s>", l.tag, l.key(i), l.leaves(i, other))
	}
	b.WriteString(l.close)
	return b.String()
}

// filter selects one entry.
func (l list) filter(i int) string {
	return fmt.Sprintf("%s<%s>%s</%[2]s>%[4]s", l.open, l.tag, l.key(i), l.close)
}

// end is what ends an entry.
func (l list) end() string { return "</" + l.tag + ">" }

// module writes the module of the list to a file in dir.
func (l list) module(dir string) (file string, err error) {
	dir = filepath.Join(dir, "own")
	file = filepath.Join(dir, l.name+".yang")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	return file, os.WriteFile(file, []byte(l.yang), 0o600)
}
