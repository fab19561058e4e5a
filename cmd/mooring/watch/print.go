package watch

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Printer writes what happens, line by line.
type Printer struct {
	Out  io.Writer
	JSON bool
	last map[string]Rates
}

// Rates are what is told of a machine from time to time.
type Rates struct {
	At       time.Time `json:"time"`
	Kind     string    `json:"event"` // "rates"
	Machine  string    `json:"machine"`
	Bindings int       `json:"bindings"`
	Updates  float64   `json:"pbu-per-second"`
	Answers  float64   `json:"pba-per-second"`
	Refusals float64   `json:"refused-per-second"`
	Drops    float64   `json:"dropped-per-second"`
	In       float64   `json:"in-bits-per-second"`
	Out      float64   `json:"out-bits-per-second"`
}

// Print writes what has happened since it was called last.
func (p *Printer) Print(m *Model) error {
	for _, e := range m.Drain() {
		text := strings.Join(strings.Fields(e.At.Format(time.RFC3339)+" "+e.Machine), " ") + ": " + e.Text
		if err := p.write(e, text); err != nil {
			return err
		}
	}
	return nil
}

// PrintRates writes how it goes with each machine that has other figures than the last time.
func (p *Printer) PrintRates(m *Model, now time.Time) error {
	if p.last == nil {
		p.last = map[string]Rates{}
	}
	for _, name := range slices.Sorted(maps.Keys(m.machines)) {
		r := m.rates(name)
		is := Rates{Kind: "rates", Machine: name, Bindings: m.machines[name].bindings, Updates: r[updates], Answers: r[answers], Refusals: r[refusals],
			Drops: r[drops], In: 8 * r[octetsIn], Out: 8 * r[octetsOut]}
		was, known := p.last[name]
		if known && was == is {
			continue
		}
		p.last[name] = is
		is.At = now
		text := fmt.Sprintf("%s %s: %d bindings, %s PBU/s, %s PBA/s, %s refused/s, %s dropped/s, in %sbit/s, out %sbit/s", now.Format(time.RFC3339), name,
			is.Bindings, perSecond(is.Updates), perSecond(is.Answers), perSecond(is.Refusals), perSecond(is.Drops), scaled(is.In), scaled(is.Out))
		if err := p.write(is, text); err != nil {
			return err
		}
	}
	return nil
}

func (p *Printer) write(v any, text string) error {
	if p.JSON {
		return json.NewEncoder(p.Out).Encode(v)
	}
	_, err := fmt.Fprintln(p.Out, cut(text, len(text)))
	return err
}
