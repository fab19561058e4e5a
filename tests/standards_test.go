package tests

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The page of standards has all that the features need, and nothing that the folder named for it does not know of.
func TestDOC03_INC36_Standards(t *testing.T) {
	page, err := os.ReadFile("../docs/standards.md")
	if err != nil {
		t.Fatal(err)
	}
	number := regexp.MustCompile(`\d{4}`)
	folder := regexp.MustCompile("`([a-z/]+)`")
	var listed []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, " | ")
		if len(cells) != 3 || !number.MatchString(cells[0]) {
			continue
		}
		for _, rfc := range number.FindAllString(cells[0], -1) {
			listed = append(listed, rfc)
			for _, in := range folder.FindAllStringSubmatch(cells[2], -1) {
				if !mentions(t, "../"+in[1], "RFC "+rfc) {
					t.Errorf("nothing in %s mentions RFC %s", in[1], rfc)
				}
			}
		}
	}
	for _, needed := range []string{"6275", "5213", "5844", "5845", "5846", "5847", "4285", "4283", "5149", "7148", "8127", "8278"} { // 3775 is 6275 by now
		if !slices.Contains(listed, needed) {
			t.Errorf("RFC %s is not on the page", needed)
		}
	}
}

// mentions reports whether a Go file below a folder, tests apart, has a text in it.
func mentions(t *testing.T, folder, text string) (found bool) {
	root := os.DirFS(folder)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return err
		}
		content, err := fs.ReadFile(root, name)
		if strings.Contains(string(content), text) {
			found = true
			return fs.SkipAll
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
