package journal

import (
	"encoding/binary"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"testing"
	"unique"

	"mooring/dataplane"
	"mooring/mobility"
)

// fill sets every field of a value to something that is not zero.
func fill(v reflect.Value, rnd *rand.Rand) {
	switch x := v.Addr().Interface().(type) {
	case *netip.Addr:
		*x = netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + rnd.IntN(200))})
		if rnd.IntN(2) == 0 {
			*x = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 15: byte(1 + rnd.IntN(200))})
		}
		return
	case *netip.AddrPort:
		*x = netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 51, 100, 7}), uint16(1+rnd.IntN(65535)))
		return
	case *netip.Prefix:
		*x = netip.PrefixFrom(netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 7: byte(1 + rnd.IntN(200))}), 64)
		return
	case *mobility.HomeAddress:
		*x = mobility.HomeOf(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(1 + rnd.IntN(200))}), rnd.IntN(33)))
		return
	case *mobility.IPv4:
		*x = mobility.IPv4{10, 0, 0, byte(1 + rnd.IntN(200))}
		return
	case *unique.Handle[string]:
		*x = unique.Make(string(rune('a' + rnd.IntN(26))))
		return
	case *unique.Handle[mobility.Terms]:
		var t mobility.Terms
		fill(reflect.ValueOf(&t).Elem(), rnd)
		*x = unique.Make(t)
		return
	case *unique.Handle[mobility.Tenancy]:
		var t mobility.Tenancy
		fill(reflect.ValueOf(&t).Elem(), rnd)
		*x = unique.Make(t)
		return
	case *unique.Handle[mobility.Ends]:
		var e mobility.Ends
		fill(reflect.ValueOf(&e).Elem(), rnd)
		*x = unique.Make(e)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			fill(v.Field(i), rnd)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), rnd)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		fill(v.Index(0), rnd)
		fill(v.Index(1), rnd)
	case reflect.String:
		v.SetString("\x01node" + string(rune('a'+rnd.IntN(26))))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int64:
		v.SetInt(1 + rnd.Int64N(1<<62))
	default:
		if v.CanUint() {
			v.SetUint(1 + rnd.Uint64N(200))
			return
		}
		panic(v.Type().String() + " is new to this test")
	}
}

// sample makes up a binding of which every field says something; Install is not kept.
func sample(id dataplane.SessionID, rnd *rand.Rand) *mobility.Binding {
	b := new(mobility.Binding)
	fill(reflect.ValueOf(b).Elem(), rnd)
	b.ID, b.Install = id, 0
	return b
}

// A field that is added to a binding and forgotten here does not survive a restart: this test then fails.
func TestRowSurvives(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		want := sample(7, rnd)
		o := &octets{rest: appendRow(nil, want)}
		k, id := kind(o.byte()), o.uvarint()
		if k != kindTermsRow || id != 7 {
			t.Fatal(k, id)
		}
		got := o.row(k, 7, newNames())
		if o.bad || len(o.rest) > 0 || !reflect.DeepEqual(got, want) {
			t.Fatalf("bad %v, %d octets left\n%+v %+v\nwant\n%+v %+v", o.bad, len(o.rest), got, got.Holding, want, want.Holding)
		}
	}
	empty := &mobility.Binding{Holding: &mobility.Holding{}}
	o := &octets{rest: appendRow(nil, empty)[2:]}
	if got := o.row(kindRow, 0, newNames()); got.Home != empty.Home || got.Router != empty.Router || got.Prefixes != nil {
		t.Errorf("%+v %+v", got, got.Holding)
	}
}

// A row of version 3 knows of no services, nor whether home addresses are ignored; bindings without either are written like that still.
func TestRowOfVersion3(t *testing.T) {
	want := sample(7, rand.New(rand.NewPCG(1, 2)))
	want.Terms = unique.Make(mobility.Terms{Link: "access0"})
	o := &octets{rest: appendRow(nil, want)}
	k, id := kind(o.byte()), o.uvarint()
	if got := o.row(k, 7, newNames()); k != kindNetworkRow || id != 7 || o.bad || !reflect.DeepEqual(got, want) {
		t.Errorf("kind %d, row %d: %+v %+v", k, id, got, got.Under())
	}
}

// A service is kept where there is nothing else that few bindings have.
func TestRowWithAService(t *testing.T) {
	want := sample(7, rand.New(rand.NewPCG(1, 2)))
	want.Terms, want.Tenancy, want.Networks = unique.Make(mobility.Terms{APN: "internet"}), unique.Make(mobility.Tenancy{Network: "net1"}), nil
	o := &octets{rest: appendRow(nil, want)}
	k, id := kind(o.byte()), o.uvarint()
	if got := o.row(k, 7, newNames()); k != kindTermsRow || id != 7 || o.bad || !reflect.DeepEqual(got, want) {
		t.Errorf("kind %d, row %d: %+v %+v", k, id, got, got.Under())
	}
}

// A row of version 2 knows of no mobile networks; bindings without any are written like that still.
func TestRowOfVersion2(t *testing.T) {
	want := sample(7, rand.New(rand.NewPCG(1, 2)))
	want.Networks, want.Terms = nil, unique.Make(mobility.Terms{})
	o := &octets{rest: appendRow(nil, want)}
	k, id := kind(o.byte()), o.uvarint()
	if got := o.row(k, 7, newNames()); k != kindTenantRow || id != 7 || o.bad || !reflect.DeepEqual(got, want) {
		t.Errorf("kind %d, row %d: %+v %+v", k, id, got, got.Tenant())
	}
}

// A row of version 1 knows of no customers; those that have none are written like that still.
func TestRowOfVersion1(t *testing.T) {
	want := sample(7, rand.New(rand.NewPCG(1, 2)))
	want.Tenancy, want.Networks = unique.Make(mobility.Tenancy{Network: "net1"}), nil
	want.Terms = unique.Make(mobility.Terms{})
	o := &octets{rest: appendRow(nil, want)}
	k, id := kind(o.byte()), o.uvarint()
	if got := o.row(k, 7, newNames()); k != kindRow || id != 7 || o.bad || !reflect.DeepEqual(got, want) {
		t.Errorf("kind %d, row %d: %+v %+v", k, id, got, got.Tenant())
	}
}

// What differs is either carried by a renewal or makes one impossible.
func TestRenewalCarriesEveryDifference(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	rows := reflect.TypeFor[mobility.Binding]()
	renewed := 0
	for i := range rows.NumField() {
		field := rows.Field(i)
		if field.Name == "ID" || field.Name == "Install" {
			continue
		}
		for old := sample(7, rnd); ; {
			row := *old
			fill(reflect.ValueOf(&row).Elem().Field(i), rnd)
			if reflect.DeepEqual(&row, old) {
				continue // the same by chance
			}
			if renews(old, &row) {
				renewed++
				o, got := &octets{rest: appendRenewal(nil, &row)[2:]}, *old
				if o.renew(&got); o.bad || !reflect.DeepEqual(&got, &row) {
					t.Errorf("a renewal loses %s", field.Name)
				}
			}
			break
		}
	}
	if renewed != 6 {
		t.Errorf("%d fields are carried by a renewal, not 6", renewed)
	}
}

func FuzzRecords(f *testing.F) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var fr frames
	fr.begin("lma lma1", 9)
	fr.octets = appendRow(fr.octets, sample(7, rnd))
	fr.octets = appendRenewal(fr.octets, sample(7, rnd))
	fr.octets = binary.AppendUvarint(append(fr.octets, byte(kindDelete)), 7)
	f.Add(fr.take()[frameHead:])
	f.Fuzz(func(t *testing.T, records []byte) {
		r := &restored{machines: map[string]*kept{}, names: newNames()}
		if r.take(records) != nil {
			return
		}
		for _, m := range r.machines {
			for _, row := range m.rows { // what can be read can be written
				o := &octets{rest: appendRow(nil, row)}
				k := kind(o.byte())
				if again := o.row(k, dataplane.SessionID(o.uvarint()), newNames()); o.bad || !reflect.DeepEqual(again, row) {
					t.Errorf("%+v, then %+v", row, again)
				}
			}
		}
	})
}
