package schema

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/openconfig/goyang/pkg/yang"
)

// Source names a module to compile and how. A module that is only imported by others need not be named.
type Source struct {
	Name     string
	Revision string // "" takes the newest file there is
	// Implement makes the data nodes, rpcs, notifications, identities and augments of the module part of the schema.
	Implement bool
	Features  []string // the features that are supported; nil means none, {"*"} all
}

// loader reads files into modules.
type loader struct {
	files   map[string][]string // module name -> files, oldest revision first
	fsys    fs.FS
	modules map[string]*Module
	want    map[string]Source
}

// Compile reads the modules of sources, and whatever they import and include, from the .yang files of fsys (in any
// folder, called NAME.yang or NAME@REVISION.yang), and compiles them. All errors found are returned, joined; each names
// the file and line.
func Compile(fsys fs.FS, sources ...Source) (*Schema, error) {
	l := &loader{files: map[string][]string{}, fsys: fsys, modules: map[string]*Module{}, want: map[string]Source{}}
	if err := l.index(); err != nil {
		return nil, err
	}
	for _, s := range sources {
		l.want[s.Name] = s
	}
	var errs []error
	for _, s := range sources {
		_, err := l.module(s.Name, s.Revision)
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if err := errors.Join(l.implement(), l.settleFeatures()); err != nil {
		return nil, err
	}
	modules := slices.SortedFunc(maps.Values(l.modules), func(a, b *Module) int { return cmp.Compare(a.Name, b.Name) })
	return compile(modules)
}

func (l *loader) index() error {
	return fs.WalkDir(l.fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(file, ".yang") {
			return err
		}
		name, _, _ := strings.Cut(strings.TrimSuffix(path.Base(file), ".yang"), "@")
		l.files[name] = append(l.files[name], file) // WalkDir is lexical, so the newest revision comes last
		return nil
	})
}

// read parses the file that holds a module or submodule.
func (l *loader) read(name, revision string) (*yang.Statement, string, error) {
	files := l.files[name]
	if len(files) == 0 {
		return nil, "", fmt.Errorf("module %q: no file %s.yang", name, name)
	}
	file := files[len(files)-1]
	if revision != "" {
		i := slices.IndexFunc(files, func(f string) bool { return strings.HasSuffix(f, "@"+revision+".yang") })
		if i >= 0 {
			file = files[i]
		}
	}
	text, err := fs.ReadFile(l.fsys, file)
	if err != nil {
		return nil, "", err
	}
	statements, err := yang.Parse(string(text), file)
	if err != nil {
		return nil, "", err
	}
	if len(statements) != 1 {
		return nil, "", fmt.Errorf("%s: holds %d statements, want one module or submodule", file, len(statements))
	}
	return statements[0], string(text), nil
}

func (l *loader) module(name, revision string) (*Module, error) {
	if m := l.modules[name]; m != nil {
		return m, nil
	}
	parsed, text, err := l.read(name, revision)
	if err != nil {
		return nil, err
	}
	m := &Module{Name: name, Text: text, featureSet: map[string]bool{}, features: map[string]*statement{}}
	m.unit = &unit{module: m, prefixes: map[string]*Module{}}
	m.unit.owner = m.unit
	top := newStatement(parsed, nil, m.unit)
	m.unit.top = top
	if top.keyword != "module" || top.arg != name {
		return nil, top.errorf("is %s %q, want module %q", top.keyword, top.arg, name)
	}
	l.modules[name] = m
	m.Namespace, m.Prefix, m.YANGVersion = top.value("namespace"), top.value("prefix"), cmp.Or(top.value("yang-version"), "1")
	m.Revision = newestRevision(top)
	m.Description, m.Contact, m.Organization = top.value("description"), top.value("contact"), top.value("organization")
	if m.Namespace == "" || m.Prefix == "" {
		return nil, top.errorf("module %q needs a namespace and a prefix", name)
	}
	if revision != "" && m.Revision != revision {
		return nil, top.errorf("module %q has revision %q, want %q", name, m.Revision, revision)
	}
	m.unit.prefixes[m.Prefix] = m
	m.unit.version = m.YANGVersion
	want := l.want[name]
	m.Implemented = want.Implement
	return m, errors.Join(l.imports(m.unit), l.include(m, m.unit), m.setFeatures(want))
}

func (l *loader) imports(u *unit) error {
	var errs []error
	for _, s := range u.top.all("import") {
		m, err := l.module(s.arg, s.value("revision-date"))
		if err != nil {
			errs = append(errs, s.errorf("import: %w", err))
			continue
		}
		u.prefixes[s.value("prefix")] = m
	}
	return errors.Join(errs...)
}

// include reads the submodules that u includes into m; YANG 1.1 lets the module name them all, YANG 1 lets them nest.
func (l *loader) include(m *Module, u *unit) error {
	var errs []error
	for _, s := range u.top.all("include") {
		if slices.ContainsFunc(m.unit.includes, func(o *unit) bool { return o.top.arg == s.arg }) {
			continue
		}
		parsed, text, err := l.read(s.arg, s.value("revision-date"))
		if err != nil {
			errs = append(errs, s.errorf("include: %w", err))
			continue
		}
		part := &unit{module: m, owner: m.unit, prefixes: map[string]*Module{}}
		part.top = newStatement(parsed, nil, part)
		belongs := part.top.sub("belongs-to")
		if part.top.keyword != "submodule" || belongs == nil || belongs.arg != m.Name {
			errs = append(errs, s.errorf("include: %q is no submodule of %q", s.arg, m.Name))
			continue
		}
		part.version = cmp.Or(part.top.value("yang-version"), "1")
		part.prefixes[belongs.value("prefix")] = m
		m.unit.includes = append(m.unit.includes, part)
		m.Submodules = append(m.Submodules, &Submodule{Name: s.arg, Revision: newestRevision(part.top), Text: text})
		errs = append(errs, l.imports(part), l.include(m, part))
	}
	return errors.Join(errs...)
}

// setFeatures records which features of m there are and which are supported.
func (m *Module) setFeatures(want Source) error {
	for _, u := range m.unit.all() {
		for _, s := range u.top.all("feature") {
			m.features[s.arg] = s
			if slices.Contains(want.Features, s.arg) || slices.Contains(want.Features, "*") {
				m.featureSet[s.arg] = true
			}
		}
	}
	for _, f := range want.Features {
		if f != "*" && m.features[f] == nil {
			return fmt.Errorf("module %q has no feature %q", m.Name, f)
		}
	}
	return nil
}

// settleFeatures lists the features of each module that are supported.
func (l *loader) settleFeatures() error {
	for _, m := range l.modules {
		for f := range m.featureSet {
			ok, err := m.supports(f)
			if err != nil {
				return err
			}
			if ok {
				m.Features = append(m.Features, f)
			}
		}
		slices.Sort(m.Features)
	}
	return nil
}

// implement makes those modules implemented whose nodes an implemented one augments or deviates from (RFC 7950 section 5.6.5).
func (l *loader) implement() error {
	for changed := true; changed; {
		changed = false
		for _, m := range l.modules {
			if !m.Implemented {
				continue
			}
			for _, u := range m.unit.all() {
				for _, s := range slices.Concat(u.top.all("augment"), u.top.all("deviation")) {
					first, _, _ := strings.Cut(strings.TrimPrefix(s.arg, "/"), "/")
					target, _, err := s.split(first)
					if err != nil {
						return err
					}
					if !target.Implemented {
						target.Implemented, changed = true, true
					}
				}
			}
		}
	}
	return nil
}

func newestRevision(top *statement) (newest string) {
	for _, r := range top.all("revision") {
		newest = max(newest, r.arg) // dates in ISO form sort as text
	}
	return newest
}
