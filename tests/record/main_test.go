package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// events is what go test -json says of a package that passes, one that fails, one that does not build, and one that is broken off.
const events = `{"Action":"start","Package":"m/good"}
a line of a script
{"Action":"output","Package":"m/good","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"m/bad","Test":"TestB","Output":"=== RUN   TestB\n"}
{"Action":"output","Package":"m/good","Test":"TestA","Output":"    said by what passes\n"}
{"Action":"output","Package":"m/bad","Output":"of the package\n"}
{"Action":"output","Package":"m/bad","Test":"TestB","Output":"    b_test.go:1: wrong\n"}
{"Action":"output","Package":"m/bad","Test":"TestC","Output":"    said by what is skipped\n"}
{"Action":"skip","Package":"m/bad","Test":"TestC"}
{"Action":"output","Package":"m/bad","Test":"TestD","Output":"panic: never ends\n"}
{"Action":"output","Package":"m/bad","Test":"TestB","Output":"--- FAIL: TestB (0.00s)\n"}
{"Action":"fail","Package":"m/bad","Test":"TestB"}
{"Action":"pass","Package":"m/good","Test":"TestA"}
{"Action":"output","Package":"m/good","Output":"PASS\n"}
{"Action":"output","Package":"m/good","Output":"ok  \tm/good\t(cached)\n"}
{"Action":"pass","Package":"m/good"}
{"Action":"output","Package":"m/machine","Output":"PASS\n"}
{"Action":"pass","Package":"m/machine"}
{"Action":"output","Package":"m/none","Output":"?   \tm/none\t[no test files]\n"}
{"Action":"skip","Package":"m/none"}
{"Action":"output","Package":"m/bad","Output":"FAIL\tm/bad\t0.1s\n"}
{"Action":"fail","Package":"m/bad"}
{"ImportPath":"m/broken","Action":"build-output","Output":"broken.go:1: undefined: x\n"}
{"ImportPath":"m/broken","Action":"build-fail"}
{"Action":"output","Package":"m/broken","Output":"FAIL\tm/broken [build failed]\n"}
{"Action":"fail","Package":"m/broken"}
{"Action":"output","Package":"m/hangs","Test":"TestE","Output":"not at an end\n"}
`

// People see what go test says to them, and nothing of what fails is left out.
func TestReport(t *testing.T) {
	var shown, kept strings.Builder
	if err := newReport(&shown).read(strings.NewReader(events), &kept); err != nil {
		t.Fatal(err)
	}
	const want = "a line of a script\nok  \tm/good\t(cached)\nok  \tm/machine\n?   \tm/none\t[no test files]\n" +
		"    b_test.go:1: wrong\n--- FAIL: TestB (0.00s)\npanic: never ends\nof the package\nFAIL\tm/bad\t0.1s\n" +
		"broken.go:1: undefined: x\nFAIL\tm/broken [build failed]\nnot at an end\n"
	if shown.String() != want {
		t.Errorf("shown is:\n%s\nwant:\n%s", &shown, want)
	}
	if want := strings.Replace(events, "a line of a script\n", "", 1); kept.String() != want {
		t.Errorf("kept is:\n%s\nwant:\n%s", &kept, want)
	}
}

// The status is that of the command, whose events are kept also when it fails.
func TestRun(t *testing.T) {
	file := filepath.Join(t.TempDir(), "new", "events")
	const line = `{"Action":"fail","Package":"m/bad","Test":"TestB"}`
	err := run(file, []string{"sh", "-c", "echo '" + line + "'; exit 3"})
	if exit, failed := errors.AsType[*exec.ExitError](err); !failed || exit.ExitCode() != 3 {
		t.Errorf("it ends with %v, want status 3", err)
	}
	if kept, err := os.ReadFile(file); string(kept) != line+"\n" {
		t.Errorf("kept is %q (%v)", kept, err)
	}
	if err := run(file, []string{"true"}); err != nil {
		t.Error(err)
	}
	if kept, err := os.ReadFile(file); len(kept) > 0 {
		t.Errorf("of another run is kept %q (%v)", kept, err)
	}
}
