package metrics

import (
	"context"
	"errors"
	"flag"
	"log/slog"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"mooring/mobility/lma"
	"mooring/server/state"
)

var update = flag.Bool("update", false, "rewrite the golden files, and docs/metrics.md")

// scraped is the answer to a scrape.
func scraped(t testing.TB, s *state.State, log *slog.Logger) string {
	t.Helper()
	h, err := newHandler(s, log)
	if err != nil {
		t.Fatal(err)
	}
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
	if answer.Code != 200 {
		t.Fatalf("status %d: %s", answer.Code, answer.Body)
	}
	return answer.Body.String()
}

// ours are the lines about the element, without those about the process.
func ours(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(strings.TrimPrefix(strings.TrimPrefix(line, "# HELP "), "# TYPE "), "mooring_") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// TestScrape compares what is scraped of an element with a golden file: rewrite it with -update, and read what changed.
func TestScrape(t *testing.T) {
	compare(t, "testdata/scrape.txt", ours(scraped(t, populated(t, 3), slog.New(slog.DiscardHandler))))
}

func compare(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("run go generate and read what changed; %s should be\n%s", file, got)
	}
}

func TestLint(t *testing.T) {
	problems, err := promlint.New(strings.NewReader(scraped(t, populated(t, 3), slog.New(slog.DiscardHandler)))).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Errorf("%s: %s", p.Metric, p.Text)
	}
}

// TestProcessFigures looks for what Go and the kernel tell of the process.
func TestProcessFigures(t *testing.T) {
	text := scraped(t, populated(t, 0), slog.New(slog.DiscardHandler))
	for _, name := range []string{"go_goroutines", "go_memstats_heap_alloc_bytes", "process_resident_memory_bytes", "process_cpu_seconds_total", "process_open_fds"} {
		if !strings.Contains(text, "\n"+name+" ") {
			t.Errorf("no %s", name)
		}
	}
}

// TestBindingsCostNothing scrapes an element without bindings and one with 100,000: the answers are equally long, and so is what was
// allocated for them.
func TestBindingsCostNothing(t *testing.T) {
	const many = 100_000
	cost := func(s *state.State) (octets uint64, lines int) {
		h, err := newHandler(s, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		var measured []uint64
		for range 5 {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			answer := httptest.NewRecorder()
			h.ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
			runtime.ReadMemStats(&after)
			measured = append(measured, after.TotalAlloc-before.TotalAlloc)
			lines = strings.Count(ours(answer.Body.String()), "\n")
		}
		return slices.Min(measured), lines
	}
	few, fewLines := cost(populated(t, 0))
	octets, lines := cost(populated(t, many))
	if lines < 100 || lines != fewLines+pathUp {
		t.Errorf("%d lines with %d bindings, %d without", lines, many, fewLines)
	}
	if octets > few+few/2 {
		t.Errorf("a scrape allocates %d octets with %d bindings, %d without", octets, many, few)
	}
	t.Logf("a scrape allocates %d octets with %d bindings, %d without", octets, many, few)
}

// pathUp is how many lines there are more while a peer has bindings and is known to be up: the peer, its path, and their HELP and TYPE.
const pathUp = 6

// TestUnreadableTable scrapes while one source does not answer: the rest is there, and the log says what is not.
func TestUnreadableTable(t *testing.T) {
	src := sources(1)
	machines := src.LMAs
	src.LMAs = func() []state.LMA {
		list := machines()
		list[0].Peers = func(context.Context) ([]lma.PeerState, error) { return nil, errors.New("the engine has stopped") }
		return list
	}
	s := state.New(element(), 0)
	if err := s.MountElement(src); err != nil {
		t.Fatal(err)
	}
	var log strings.Builder
	text := scraped(t, s, slog.New(slog.NewTextHandler(&log, nil)))
	if !strings.Contains(text, "mooring_lma_pbu_received_total") || strings.Contains(text, "mooring_lma_peer_pbu_received_total") {
		t.Errorf("scraped:\n%s", ours(text))
	}
	for _, want := range []string{"/mooring-pmipv6:pmipv6/lma/peers/peer cannot be read", "the engine has stopped"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %q: %s", want, &log)
		}
	}
	if again := scraped(t, s, slog.New(slog.DiscardHandler)); !strings.Contains(again, `promhttp_metric_handler_errors_total{cause="gathering"} `) {
		t.Error("the answer does not count errors")
	}
}
