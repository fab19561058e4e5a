package state

import (
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
)

// Whatever differs between two versions of a binding, Unlike gives what Leaves gives of both, but for leaves that are the same in both. Each
// field is changed by itself and with others; a field that is new in Binding fails here until it is known what it is told as.
func TestUnlike(t *testing.T) {
	d := populated(t)
	r := rand.New(rand.NewPCG(1, 2))
	old, new, oldUnlike, newUnlike := NewRenderer(), NewRenderer(), NewRenderer(), NewRenderer()
	fields := slices.DeleteFunc(reflect.VisibleFields(reflect.TypeFor[mobility.Binding]()), func(f reflect.StructField) bool { return f.Anonymous })
	changes := 0
	for _, each := range d.state.tables {
		table, ok := each.(*bindings)
		if !ok {
			continue
		}
		for row, err := range table.rows(t.Context(), nil) {
			if err != nil {
				t.Fatal(err)
			}
			for try := range 4000 {
				before, after := *row.value.(*mobility.Binding), *row.value.(*mobility.Binding)
				if try%4 > 0 { // else both have one holding
					before.Hold(func(*mobility.Holding) {})
					after.Hold(func(*mobility.Holding) {})
				}
				which := []int{try / 4 % len(fields)}
				for range r.IntN(3) {
					which = append(which, r.IntN(len(fields)))
				}
				for _, i := range which {
					if len(fields[i].Index) > 1 && before.Holding == after.Holding {
						continue
					}
					scramble(t, r, &before, fields[i])
					scramble(t, r, &after, fields[i])
				}
				before.ID, after.ID = row.value.(*mobility.Binding).ID, row.value.(*mobility.Binding).ID
				a, b := Row{of: row.of, value: &before}, Row{of: row.of, value: &after}
				allOld, _ := old.Leaves(a, d.now)
				allNew, _ := new.Leaves(b, d.now)
				someOld, _ := oldUnlike.Unlike(a, b, d.now)
				someNew, _ := newUnlike.Unlike(b, a, d.now)
				if got, want := differing(someOld, someNew), differing(allOld, allNew); !reflect.DeepEqual(got, want) {
					t.Fatalf("%+v\n%+v\ndiffer in %v, want %v", before, after, got, want)
				}
				changes += len(allNew) - len(someNew)
			}
		}
	}
	if changes < 10_000 {
		t.Errorf("only %d leaves were left out", changes)
	}
}

// differing are the texts of leaves that two versions of a row do not have in common, by name and version.
func differing(old, new []Leaf) map[string][2]string {
	texts := map[string][2]string{}
	for version, leaves := range [2][]Leaf{old, new} {
		for _, l := range leaves {
			both := texts[l.Node.Name]
			both[version] += string(l.Text) + " "
			texts[l.Node.Name] = both
		}
	}
	for name, both := range texts {
		if both[0] == both[1] {
			delete(texts, name)
		}
	}
	return texts
}

// scramble gives one field of a binding a value that it may have: most often none, or one of few.
func scramble(t *testing.T, r *rand.Rand, b *mobility.Binding, field reflect.StructField) {
	some := r.IntN(3)
	address := netip.AddrFrom4([4]byte{10, 0, 0, byte(some)})
	switch f := reflect.ValueOf(b).Elem().FieldByIndex(field.Index).Addr().Interface().(type) {
	case *mobility.NodeID:
		*f = []mobility.NodeID{"", mobility.NAI("ann@example.net"), mobility.NodeID("\x02\x01\x02")}[some]
	case *mobility.LinkID:
		*f = []mobility.LinkID{"", "\x02\x00", "\x02\x01"}[some]
	case *[]netip.Prefix:
		*f = []netip.Prefix{netip.MustParsePrefix("2001:db8:1::/64"), netip.MustParsePrefix("2001:db8:2::/64")}[:some]
	case *mobility.HomeAddress:
		*f = mobility.HomeOf([]netip.Prefix{{}, netip.PrefixFrom(address, 24), netip.PrefixFrom(address, 32)}[some])
	case *mobility.IPv4:
		*f = mobility.IPv4Of([]netip.Addr{{}, address, address}[some])
	case *unique.Handle[mobility.Ends]:
		*f = unique.Make(mobility.Ends{Remote: netip.AddrPortFrom(address, 0), CareOf: address})
	case *unique.Handle[mobility.Tenancy]:
		*f = []unique.Handle[mobility.Tenancy]{{}, unique.Make(mobility.Tenancy{Network: "a"}), unique.Make(mobility.Tenancy{Customer: "a", VRF: "b"})}[some]
	case *unique.Handle[mobility.Terms]:
		*f = []unique.Handle[mobility.Terms]{{}, unique.Make(mobility.Terms{Link: "a", IgnoresHome: true}), unique.Make(mobility.Terms{Link: "a", APN: "b"})}[some]
	case *time.Duration:
		*f = time.Duration(some) * time.Second
	case *unique.Handle[string]:
		*f = []unique.Handle[string]{{}, unique.Make("a"), unique.Make("b")}[some]
	case *mobility.Instant:
		*f = []mobility.Instant{0, mobility.At(start), mobility.At(start.Add(time.Minute))}[some]
	case *dataplane.Key: // which is not told
	default:
		v := reflect.ValueOf(f).Elem()
		if !v.CanUint() {
			t.Fatalf("give the field %s of a binding values here", field.Name)
		}
		v.SetUint(uint64(some))
	}
}

func FuzzClock(f *testing.F) {
	f.Add(int64(0), int64(0), int64(1))
	f.Add(int64(-1), int64(999_999_999), int64(-61))
	f.Add(int64(1_700_000_000), int64(120_000_000), int64(60))
	f.Add(int64(253402300799), int64(100_000), int64(-86400))
	f.Fuzz(func(t *testing.T, seconds, nanoseconds, later int64) {
		var c clock
		for _, at := range []time.Time{time.Unix(seconds, nanoseconds), time.Unix(seconds+later, nanoseconds)} {
			if year := at.UTC().Year(); year < 1 || year > 9999 {
				return
			}
			if got, want := string(c.appendTime(nil, at)), at.UTC().Truncate(time.Millisecond).Format(time.RFC3339Nano); got != want {
				t.Errorf("%s, want %s", got, want)
			}
		}
	})
}
