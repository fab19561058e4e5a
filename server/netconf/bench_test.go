package netconf

import (
	"fmt"
	"testing"
)

// BenchmarkSession measures whole exchanges over TCP, client included, at two sizes of the configuration: what costs the change
// or the entry, and not the configuration, takes the same at both.
func BenchmarkSession(b *testing.B) {
	for _, n := range []int{1_000, 30_000} {
		f := start(b, "", Limits{})
		c := f.dial(admin)
		c.must(edit(top(items(n))), commit)
		one := `<get-config><source><running/></source><filter><top xmlns="urn:example:traps"><item><id>number 500</id></item></top></filter></get-config>`
		b.Run(fmt.Sprintf("get-one/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				c.rpc(one)
			}
		})
		b.Run(fmt.Sprintf("commit-leaf/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.must(edit(top(fmt.Sprintf("<item><id>number 500</id><size>%d</size></item>", i%100+1))), commit)
			}
		})
		b.Run(fmt.Sprintf("get-all/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				b.SetBytes(int64(len(c.rpc(`<get-config><source><running/></source></get-config>`))))
			}
		})
	}
}
