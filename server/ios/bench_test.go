package ios

import "testing"

// BenchmarkImport reads the longest published block, and judges it.
func BenchmarkImport(b *testing.B) {
	text := seed("testdata/published/xr-mobile-local-loop.txt")
	g := grammar()
	b.ReportAllocs()
	for b.Loop() {
		g.Import(text, Options{Dialect: XR})
	}
}

// BenchmarkPrint writes it again.
func BenchmarkPrint(b *testing.B) {
	g := grammar()
	root := g.Import(seed("testdata/published/xr-mobile-local-loop.txt"), Options{Dialect: XR}).Tree
	b.ReportAllocs()
	for b.Loop() {
		g.Print(root, XR)
	}
}
