package netlink

import (
	"errors"
	"slices"
	"testing"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Counting elements come and go in transactions, begin with what they are given, and are read by their keys.
func TestTallies(t *testing.T) {
	tallies, all := manyTallies(t)
	must(t, tallies.Change(all[1:3], []Tally{{Set: "one", Key: all[2].Key, Packets: 7, Octets: 8}}), tallies.Change(nil, nil))
	absent := Tally{Set: "two", Key: all[0].Key}
	asked := append([]Tally{absent}, all...)
	for i := range asked {
		asked[i].Packets, asked[i].Octets = 0, 0
	}
	there, err := tallies.Read(asked)
	must(t, err)
	for i, e := range asked {
		want, has := Tally{}, i != 0 && i != 2
		if has {
			want = all[i-1]
		}
		if i == 3 {
			want.Packets, want.Octets = 7, 8
		}
		if there[i] != has || e.Packets != want.Packets || e.Octets != want.Octets {
			t.Fatalf("element %d: %t %+v, want %t %+v", i, there[i], e, has, want)
		}
	}
	if err := tallies.Change([]Tally{absent}, []Tally{{Set: "two", Key: []byte{9, 9, 9, 9}}}); err == nil {
		t.Error("what is not there was removed")
	}
	if err := tallies.Change(nil, all[:1]); !errors.Is(err, unix.EEXIST) {
		t.Errorf("what is there was made: %v", err)
	}
	must(t, tallies.Remove(asked))
	if there, err = tallies.Read(all); err != nil || slices.Contains(there, true) {
		t.Errorf("some are still there: %v", err)
	}
	if _, err := tallies.Read([]Tally{{Set: "three", Key: absent.Key}}); err != nil {
		t.Errorf("a set that is not there: %v", err)
	}
}

// manyTallies are the elements of two sets, and what reads them.
func manyTallies(t *testing.T) (*Tallies, []Tally) {
	t.Helper()
	ns, err := NewNamespace()
	must(t, err)
	t.Cleanup(func() { ns.Close() })
	conn, err := nftables.New(nftables.WithNetNSFd(ns.FD()))
	must(t, err)
	table := conn.AddTable(&nftables.Table{Name: FilterTable, Family: nftables.TableFamilyINet})
	for _, name := range []string{"one", "two"} {
		must(t, conn.AddSet(&nftables.Set{Table: table, Name: name, KeyType: nftables.TypeIPAddr, Counter: true}, nil))
	}
	must(t, conn.Flush())
	tallies, err := OpenTallies(ns)
	must(t, err)
	t.Cleanup(tallies.Close)
	const many = 3 * elementsAtOnce / 2
	var all []Tally
	for i := range many {
		all = append(all, Tally{Set: []string{"one", "two"}[2*i/many], Key: []byte{10, 0, byte(i >> 8), byte(i)}, Packets: uint64(i), Octets: uint64(i) << 40})
	}
	must(t, tallies.Change(nil, all))
	return tallies, all
}
