package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"mooring/cmd/mooring/client"
)

// named is an LMA or MAG of an element, as commands name it.
type named struct{ role, name string }

func (m named) String() string { return m.role + " " + m.name }

// action is the text of an action of a machine; content is what stands in it, as XML.
func (m named) action(name, content string) string {
	return fmt.Sprintf(`<action xmlns="urn:ietf:params:xml:ns:yang:1"><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><%[1]s><name>%[2]s</name><%[3]s>%[4]s</%[3]s></%[1]s></pmipv6></action>`,
		m.role, client.Text(m.name), name, content)
}

// parameter is a leaf of what stands in an action; an empty value is none.
func parameter(name, value string) string {
	if value == "" {
		return ""
	}
	return fmt.Sprintf("<%[1]s>%[2]s</%[1]s>", name, client.Text(value))
}

// runningMachines asks which LMAs and MAGs run; with a name only that one, which has to.
func runningMachines(s *client.Session, name string) (list []named, err error) {
	type entry struct {
		Name   string `xml:"name"`
		Status string `xml:"oper-status"`
	}
	var reply struct {
		LMAs []entry `xml:"data>pmipv6>lma"`
		MAGs []entry `xml:"data>pmipv6>mag"`
	}
	if err := s.Do(`<get><filter><pmipv6 xmlns="urn:mooring:yang:mooring-pmipv6"><lma><name/><oper-status/></lma><mag><name/><oper-status/></mag></pmipv6></filter></get>`, &reply); err != nil {
		return nil, err
	}
	for role, entries := range map[string][]entry{"lma": reply.LMAs, "mag": reply.MAGs} {
		for _, e := range entries {
			if e.Status != "" && (name == "" || name == e.Name) {
				list = append(list, named{role, e.Name})
			}
		}
	}
	switch {
	case len(list) == 0 && name != "":
		return nil, fmt.Errorf("no LMA or MAG with the name %s runs", name)
	case len(list) == 0:
		return nil, errors.New("no LMA or MAG runs")
	}
	slices.SortFunc(list, func(a, b named) int { return strings.Compare(a.String(), b.String()) })
	return list, nil
}

// each has an action done by machines, and hands what each answers to done. parameters makes the content of the action. What one machine does
// not know another may: it is an error where none knows it.
func each[Reply any](s *client.Session, list []named, action string, parameters func(named) string, done func(named, Reply) error) error {
	var unknown error
	some := false
	for _, m := range list {
		var reply Reply
		err := s.Do(m.action(action, parameters(m)), &reply)
		if refused, ok := errors.AsType[*client.RPCError](err); ok && refused.Tag == "data-missing" {
			unknown = errors.Join(unknown, fmt.Errorf("%s: %w", m, err))
			continue
		}
		if err == nil {
			err = done(m, reply)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
		some = true
	}
	if some {
		return nil
	}
	return unknown
}
