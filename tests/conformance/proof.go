package main

import (
	"bytes"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"regexp"
	"strings"
)

// proof is a test that sends bad input: what it sends, or what it expects, stands in it as text.
type proof struct {
	folder, test, text string
}

// texts are those of the tests that were looked at, by folder and name.
type texts struct {
	files fs.FS
	read  map[[2]string][]byte
}

// verify looks for a test, and for the text in it, in what it shares with other tests of its file, or in what it reads from testdata.
func (t *texts) verify(p proof) error {
	key := [2]string{p.folder, p.test}
	if t.read[key] == nil {
		text, err := t.find(p)
		if err != nil {
			return err
		}
		t.read[key] = text
	}
	if !bytes.Contains(t.read[key], []byte(p.text)) {
		return fmt.Errorf("%s %s does not have %q", p.folder, p.test, p.text)
	}
	return nil
}

// find returns the text of a scenario or of a test function.
func (t *texts) find(p proof) ([]byte, error) {
	if scenario, err := fs.ReadFile(t.files, path.Join(p.folder, "testdata", p.test+".txt")); err == nil {
		return scenario, nil
	}
	names, err := fs.Glob(t.files, path.Join(p.folder, "*_test.go"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		text, err := fs.ReadFile(t.files, name)
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(text, []byte("func "+p.test+"(")) {
			continue
		}
		body, around, err := split(name, text, p.test)
		if err != nil {
			return nil, err
		}
		if body != nil {
			return t.withTestdata(p.folder, body, around)
		}
	}
	return nil, fmt.Errorf("%s has no test and no scenario %s", p.folder, p.test)
}

// split returns the text of a test function, nil where there is none, and what stands outside all test functions of the file.
func split(name string, text []byte, test string) (body, around []byte, err error) {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, name, text, 0)
	if err != nil {
		return nil, nil, err
	}
	end := 0
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
			continue
		}
		begin := set.Position(f.Pos()).Offset
		around = append(around, text[end:begin]...)
		end = set.Position(f.End()).Offset
		if f.Name.Name == test {
			body = text[begin:end]
		}
	}
	return body, append(around, text[end:]...), nil
}

var testdata = regexp.MustCompile(`testdata/[-\w./]+`)

// withTestdata adds the files that a test function names.
func (t *texts) withTestdata(folder string, body, around []byte) ([]byte, error) {
	for _, read := range testdata.FindAll(body, -1) {
		more, err := fs.ReadFile(t.files, path.Join(folder, string(read)))
		if err != nil {
			return nil, err
		}
		around = append(around, more...)
	}
	return append(around, body...), nil
}
