package tool

import (
	"os"
	"testing"
)

func TestPath(t *testing.T) {
	first, err := Path("gnmi_cli")
	if err != nil {
		t.Fatal(err)
	}
	if f, err := os.Stat(first); err != nil || f.Mode()&0o111 == 0 {
		t.Errorf("%s cannot be run: %v", first, err)
	}
	if again, err := Path("gnmi_cli"); again != first || err != nil {
		t.Errorf("built again: %s, %v", again, err)
	}
	if path, err := Path("mooring"); err == nil {
		t.Errorf("%s was found", path)
	}
}
