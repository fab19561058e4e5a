package schema

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestPatterns is what XML Schema part 2 appendix F says of expressions that Go's engine does not understand, or understands otherwise.
func TestPatterns(t *testing.T) {
	for _, c := range []struct {
		pattern, value string
		want           bool
	}{
		{"a|b", "ab", false}, {"a$b^", "a$b^", true}, {".", "\r", false}, {`\d+`, "٣", true}, {`\w+`, "aé1", true}, {`\w`, "-", false}, {`\i\c*`, "_a-1.b", true},
		{`[^a-c]`, "d", true}, {`\p{Lu}\P{Lu}`, "Aa", true}, {`[\-.]`, "-", true}, {`\S+\s`, "a ", true}, {`(ab){2,3}`, "ababab", true}, {`[a\]]+`, "a]", true},
		{"", "", true}, {"a||b", "", true}, {"(|a)b", "b", true}, {`\.\n\t\\`, ".\n\t\\", true}, {`\/\"`, `/"`, true}, {"}]", "}]", true}, {"a^b", "a^b", true},
		// classes
		{`[a-z-[aeiou]]+`, "xyz", true}, {`[a-z-[aeiou]]`, "e", false}, {`[\i-[:]]`, "_", true}, {`[\i-[:]]`, ":", false}, {`[^a-c-[x]]`, "x", false}, {`[^a-c-[x]]`, "y", true},
		{`[a-z-[b-y-[m]]]+`, "amz", true}, {`[a-z-[b-y-[m]]]`, "c", false}, {`[\w-[\d]]`, "1", false}, {`[\S]`, " ", false}, {`[^\S]`, " ", true}, {`[\D\d]`, "x", true},
		{`[-a]+`, "-a", true}, {`[a-]+`, "-a", true}, {`[+--]+`, "+,-", true}, {`[a-z-]+`, "a-", true}, {`[&^~]+`, "~^&", true}, {`[a-a-[a]]`, "a", false},
		// categories and blocks
		{`\p{IsBasicLatin}+`, "az~", true}, {`\p{IsBasicLatin}`, "é", false}, {`\P{IsBasicLatin}`, "é", true}, {`[\p{IsGreek}\p{IsCyrillic}]+`, "αж", true}, {`[^\p{IsLatin-1Supplement}]`, "é", false},
		{`[\p{L}-[\p{IsBasicLatin}]]`, "a", false}, {`[\p{L}-[\p{IsBasicLatin}]]`, "é", true}, {`\p{Cn}`, "\u0378", true}, {`\p{C}`, "\u0378", true}, {`\p{Lt}`, "ǅ", true},
		// repetitions
		{`x{0,1000}`, strings.Repeat("x", 1000), true}, {`x{0,4096}`, strings.Repeat("x", 4096), true}, {`x{0,4096}`, strings.Repeat("x", 4097), false}, {`x{1500}`, strings.Repeat("x", 1500), true},
		{`x{1500}`, strings.Repeat("x", 1499), false}, {`x{2000,}`, strings.Repeat("x", 1999), false}, {`x{2000,}`, strings.Repeat("x", 2999), true}, {`x{999,2001}`, strings.Repeat("x", 2001), true},
		{`x{999,2001}`, strings.Repeat("x", 2002), false}, {`([a-z]{1,63}\.){1,100}`, strings.Repeat("abc.", 100), true}, {`([a-z]{1,63}\.){1,100}`, strings.Repeat("abc.", 101), false},
		{`a{0}b`, "b", true}, {`(x{0,90}y){0,900}`, "xxyy", true},
	} {
		re, err := CompileRegexp(c.pattern)
		if err != nil {
			t.Errorf("%s: %v", c.pattern, err)
			continue
		}
		if got := re.MatchString(c.value); got != c.want {
			t.Errorf("%s matches %.20q: %v", c.pattern, c.value, got)
		}
	}
	for _, bad := range []string{"(", ")", "a)", "[a", `\`, `\p{IsNowhere}`, `\p{Xx}`, `\pL`, "a{1,x}", "a{3,2}", "a{", "*", "[b-a]", "[a-z-[b]c]", "[a-[b]", `\b`, "(?i)a", "a**", "[[]",
		strings.Repeat("(", 200) + strings.Repeat(")", 200), "((a{0,900}){0,900}){0,900}", "(x{0,900}y){0,900}", "x{1000000}", "x{1000000,}"} {
		if _, err := CompileRegexp(bad); err == nil {
			t.Errorf("%.30s was compiled", bad)
		}
	}
}

// TestCharsets: every character is in a set or in its complement, and in the class that is written of it.
func TestCharsets(t *testing.T) {
	for _, c := range []struct {
		class string
		in    func(rune) bool
	}{
		{`[\d]`, func(r rune) bool { return unicode.Is(unicode.Nd, r) }},
		{`[^\p{Lu}]`, func(r rune) bool { return !unicode.Is(unicode.Lu, r) }},
		{`[\p{L}-[\p{Ll}\p{IsGreek}]]`, func(r rune) bool {
			return unicode.IsLetter(r) && !unicode.Is(unicode.Ll, r) && (r < 0x370 || r > 0x3ff)
		}},
		{`[a-c&-[b]]`, func(r rune) bool { return r == 'a' || r == 'c' || r == '&' }},
	} {
		re, err := CompileRegexp(c.class)
		if err != nil {
			t.Fatal(err)
		}
		for r := rune(0); r < 0x3000; r++ {
			if utf8.ValidRune(r) && re.MatchString(string(r)) != c.in(r) {
				t.Fatalf("%s holds %U: %v", c.class, r, !c.in(r))
			}
		}
	}
	if re := regexp.MustCompile(charset(nil).String()); re.MatchString("a") {
		t.Error("nothing matches something")
	}
}

// FuzzPattern: whatever stands in a module, compiling it ends, and so does matching.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"[a-z-[aeiou]]", `\p{IsGreek}{2,2000}`, "(a|b{1,3})*", `[^\S-[^\d]]`} {
		f.Add(seed, "abc")
	}
	f.Fuzz(func(t *testing.T, pattern, value string) {
		if re, err := CompileRegexp(pattern); err == nil && len(value) < 1000 {
			re.MatchString(value)
		}
	})
}
