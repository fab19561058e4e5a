//go:build !vm

package kernel

import (
	"testing"

	"mooring/dataplane/netns"
)

func TestMain(m *testing.M) { netns.Main(m) }

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
