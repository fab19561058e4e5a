package schema

import "strings"

// holdsNames are the standard types whose values are XPath text: their prefixes mean something only where the value is
// written, so they are kept as module names.
var holdsNames = map[name]bool{
	{"ietf-yang-types", "xpath1.0"}: true,
	nodeInstance:                    true,
}

// nodeInstance is the type of the paths of access rules, which are written in JSON like instance-identifiers.
var nodeInstance = name{"ietf-netconf-acm", "node-instance-identifier"}

// holdNames are the standard leaves of which the same is true, though their type is string: they are older than the types above.
var holdNames = map[name]bool{
	{"ietf-netconf-partial-lock", "select"}: true,
}

// Rename replaces every prefix of a name in XPath text by what to gives for it. Literals and the :: of axes stay as they
// are; ok is false when to does not know one of the prefixes.
func Rename(text string, to func(prefix string) (string, bool)) (renamed string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(text); {
		switch ch := text[i]; {
		case ch == '\'' || ch == '"':
			end := strings.IndexByte(text[i+1:], ch)
			if end < 0 {
				end = len(text) - i - 2
			}
			b.WriteString(text[i : i+end+2])
			i += end + 2
		case IsNameByte(ch):
			end := i
			for end < len(text) && IsNameByte(text[end]) {
				end++
			}
			word := text[i:end]
			if strings.HasPrefix(text[end:], ":") && !strings.HasPrefix(text[end:], "::") {
				if word, ok = to(word); !ok {
					return text, false
				}
			}
			b.WriteString(word)
			i = end
		default:
			b.WriteByte(ch)
			i++
		}
	}
	return b.String(), true
}

// Qualify gives every name of a path that has no module that of the name before it, which XML demands.
func Qualify(path string) string {
	var b strings.Builder
	module := ""
	for i := 0; i < len(path); {
		ch := path[i]
		if ch == '\'' || ch == '"' {
			literal, _, _ := strings.Cut(path[i+1:], path[i:i+1])
			end := min(i+len(literal)+2, len(path))
			b.WriteString(path[i:end])
			i = end
			continue
		}
		end := i
		for end < len(path) && IsNameByte(path[end]) {
			end++
		}
		word := path[i:end]
		switch {
		case word == "":
			b.WriteByte(ch)
			i++
			continue
		case strings.HasPrefix(path[end:], ":"):
			module = word
			word += ":"
			end++
			for end < len(path) && IsNameByte(path[end]) {
				word += path[end : end+1]
				end++
			}
		case module != "" && word != "." && !strings.HasSuffix(path[:i], "$"):
			word = module + ":" + word
		}
		b.WriteString(word)
		i = end
	}
	return b.String()
}

// IsNameByte reports whether a byte can be part of a name without its prefix.
func IsNameByte(ch byte) bool {
	return ch == '_' || ch == '-' || ch == '.' || ch >= '0' && ch <= '9' || ch >= 'a' && ch <= 'z' || ch >= 'A' && ch <= 'Z' || ch >= 0x80
}
