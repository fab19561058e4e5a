package journal

import (
	"slices"
	"unique"

	"mooring/mobility"
)

// peers are whom the bindings of each machine are with. They are kept in files of their own, so that they can be told when bindings are lost.
type peers struct {
	bindings map[string]map[unique.Handle[mobility.Ends]]int32 // by machine; how many are with each
	news     frames                                            // of whom the present file does not know yet
}

// of returns those of a machine.
func (p *peers) of(machine string) map[unique.Handle[mobility.Ends]]int32 {
	if p.bindings[machine] == nil {
		if p.bindings == nil {
			p.bindings = map[string]map[unique.Handle[mobility.Ends]]int32{}
		}
		p.bindings[machine] = map[unique.Handle[mobility.Ends]]int32{}
	}
	return p.bindings[machine]
}

// count takes in a change of a machine's binding.
func (p *peers) count(machine string, c mobility.Change) {
	if c.Old != nil && c.New != nil && c.Old.Ends == c.New.Ends {
		return
	}
	of := p.of(machine)
	if c.New != nil {
		if of[c.New.Ends]++; of[c.New.Ends] == 1 {
			p.tell(machine, c.New.Ends)
		}
	}
	if c.Old != nil {
		if of[c.Old.Ends]--; of[c.Old.Ends] <= 0 {
			delete(of, c.Old.Ends) // it stays in the file until the next one is begun
		}
	}
}

func (p *peers) tell(machine string, ends unique.Handle[mobility.Ends]) {
	p.news.begin(machine, 0)
	p.news.octets = appendEnds(append(p.news.octets, byte(kindPeer)), ends)
}

// began returns what the next file begins with: all that have bindings.
func (p *peers) began() []byte {
	p.news.reset()
	for machine, of := range p.bindings {
		for ends := range of {
			p.tell(machine, ends)
		}
	}
	return p.news.take()
}

// forgetPast drops those of whom no bindings are left.
func (p *peers) forgetPast() {
	for _, of := range p.bindings {
		for ends, n := range of {
			if n == 0 {
				delete(of, ends)
			}
		}
	}
}

// Peers returns the ends of all paths that bindings of a machine went over, those of bindings that were lost among them, in no order.
func (j *Journal) Peers(machine string) (list []mobility.Ends) {
	for ends := range j.peers.bindings[machine] {
		list = append(list, ends.Value())
	}
	return list
}

// readPeers reads whom bindings were with. What cannot be read of that is no loss of bindings.
func (r *restored) readPeers(folder Folder, files []string) error {
	list := generations(files, peersName)
	for _, g := range list {
		lost := r.damage
		r.damage = nil
		_, _, err := r.read(folder, fileName(peersName, g), nil)
		r.unknown = append(r.unknown, r.damage...)
		r.damage = lost
		if err != nil {
			return err
		}
		if g >= r.began && !slices.Contains(r.chain, g) { // it was begun together with a log
			r.missing(g)
		}
	}
	return nil
}

// countPeers counts the bindings that were found.
func (r *restored) countPeers() {
	for name, m := range r.machines {
		of := r.peers.of(name)
		for _, b := range m.rows {
			of[b.Ends]++
		}
	}
}
