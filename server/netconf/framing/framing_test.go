package framing

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

// messages reads everything in stream: the messages, and the error after the last.
func messages(r *Reader) (list []string, err error) {
	for {
		if err := r.Next(); err != nil {
			return list, err
		}
		text, err := io.ReadAll(r)
		if err != nil {
			return list, err
		}
		list = append(list, string(text))
	}
}

func chunkedReader(stream string) *Reader {
	r := NewReader(strings.NewReader(stream))
	r.Upgrade()
	return r
}

func TestChunks(t *testing.T) {
	for stream, want := range map[string][]string{
		"\n#4\n<rpc\n#1\n>\n##\n":                                 {"<rpc>"},
		"\n#1\na\n#1\nb\n##\n\n#2\ncd\n##\n":                      {"ab", "cd"}, // one after the other, in chunks of one octet
		"\n#3\n\n##\n##\n":                                        {"\n##"},     // what looks like a mark is content
		"\n#0000000001\na\n##\n":                                  nil,
		"\n#12\n]]>]]>]]>]]>\n##\n":                               {"]]>]]>]]>]]>"},
		"\n#" + "32769\n" + strings.Repeat("x", 32769) + "\n##\n": {strings.Repeat("x", 32769)},
	} {
		for name, in := range map[string]io.Reader{"at once": strings.NewReader(stream), "by octets": iotest.OneByteReader(strings.NewReader(stream))} {
			r := NewReader(in)
			r.Upgrade()
			got, err := messages(r)
			if len(got) != len(want) || want != nil && err != io.EOF {
				t.Errorf("%.40q %s: got %d messages and %v", stream, name, len(got), err)
				continue
			}
			for i := range got {
				if got[i] != want[i] {
					t.Errorf("%.40q %s: message %d is %.60q, want %.60q", stream, name, i, got[i], want[i])
				}
			}
		}
	}
}

// TestTrap01BadChunkHeaders: each of them ends the session; none is guessed around.
func TestTrap01BadChunkHeaders(t *testing.T) {
	for _, stream := range []string{
		"\n#0\n\n##\n",              // a chunk of nothing
		"\n#01\na\n##\n",            // leading zero
		"\n#4294967296\n",           // beyond 2^32-1
		"\n#99999999999999999999\n", // beyond everything
		"\n#-1\na\n##\n",            // sign
		"\n#+1\na\n##\n",            //
		"\n# 1\na\n##\n",            // space
		"\n#1 \na\n##\n",            //
		"\n#1\r\na\n##\n",           // carriage return
		"\n#a\n\n##\n",              // hexadecimal
		"\n#1a\na\n##\n",            //
		"\n#\na\n##\n",              // no size
		"#1\na\n##\n",               // no line feed
		"\n\n#1\na\n##\n",           // one too many
		"\r\n#1\na\n##\n",           //
		"\n1\na\n##\n",              // no #
		"\n##\n",                    // end of chunks without any
		"\n#1\nab\n##\n",            // chunk longer than its size
		"\n#1\na\n## \n",            // end of chunks with something behind
		"\n#1\na\n###\n",            //
		"\n#1\na]]>]]>",             // the mark of version 1.0
		"<rpc/>]]>]]>",              //
		"\n#1;x=y\na\n##\n",         // extension, as HTTP has it
	} {
		r := chunkedReader(stream)
		_, err := messages(r)
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%q: %v, want an *Error", stream, err)
		}
		if again := r.Next(); again != err {
			t.Errorf("%q: after the error the reader goes on with %v", stream, again)
		}
	}
}

func TestStreamsThatEndInsideAMessage(t *testing.T) {
	for _, whole := range []string{"\n#4\n<rpc\n#1\n>\n##\n", "<rpc>]]>]]>"} {
		for i := 1; i < len(whole); i++ {
			r := NewReader(strings.NewReader(whole[:i]))
			if whole[0] == '\n' {
				r.Upgrade()
			}
			if _, err := messages(r); err != io.ErrUnexpectedEOF {
				t.Errorf("%q: %v, want that the stream ended inside a message", whole[:i], err)
			}
		}
	}
}

func TestEndOfMessage(t *testing.T) {
	for stream, want := range map[string][]string{
		"<a/>]]>]]>":                          {"<a/>"},
		"<a/>]]>]]><b/>]]>]]>":                {"<a/>", "<b/>"},
		"<a/>]]>]]>\n<b/>\n]]>]]>\n\r ":       {"<a/>", "<b/>\n"},
		"<a>]]>]]></a>":                       {"<a>"}, // and </a> is a message that does not end
		"<a>]]>]</a>]]>]]]>]]>]]>":            {"<a>]]>]</a>]]>]"},
		"]]>]]>":                              {""},
		strings.Repeat("]", 40000) + "]]>]]>": {strings.Repeat("]", 40000)},
	} {
		for name, in := range map[string]io.Reader{"at once": strings.NewReader(stream), "by octets": iotest.OneByteReader(strings.NewReader(stream))} {
			got, _ := messages(NewReader(in))
			if strings.Join(got, "|") != strings.Join(want, "|") || len(got) != len(want) {
				t.Errorf("%.40q %s: got %.80q, want %.80q", stream, name, got, want)
			}
		}
	}
}

// TestSmallReads: the mark is found however little is asked for at a time.
func TestSmallReads(t *testing.T) {
	r := NewReader(strings.NewReader("<a>]]></a>]]>]]><b/>]]>]]>"))
	for _, want := range []string{"<a>]]></a>", "<b/>"} {
		if err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(iotest.OneByteReader(r)); err != nil || string(got) != want {
			t.Errorf("read %q, %v; want %q", got, err, want)
		}
	}
}

// TestUpgrade: the hello of version 1.0, then chunks, with nothing lost between.
func TestUpgrade(t *testing.T) {
	r := NewReader(strings.NewReader("<hello/>]]>]]>\n#6\n<rpc/>\n##\n"))
	if err := r.Hello(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 3) // the rest of the hello is nobody's business
	r.Read(b)
	if err := r.Upgrade(); err != nil {
		t.Fatal(err)
	}
	if got, err := messages(r); err != io.EOF || len(got) != 1 || got[0] != "<rpc/>" {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestTrap01HelloInChunks is what ncclient sends when the server's hello comes first.
func TestTrap01HelloInChunks(t *testing.T) {
	r := NewReader(strings.NewReader("\n#8\n<hello/>\n##\n\n#6\n<rpc/>\n##\n"))
	if err := r.Hello(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != "<hello/>" {
		t.Errorf("hello: %q, %v", got, err)
	}
	r.Upgrade()
	if got, err := messages(r); err != io.EOF || len(got) != 1 {
		t.Errorf("got %q, %v", got, err)
	}
}

// recorder keeps each write apart.
type recorder struct{ writes []string }

func (r *recorder) Write(p []byte) (int, error) {
	r.writes = append(r.writes, string(p))
	return len(p), nil
}

func TestWriterSendsEachMessageInOnePiece(t *testing.T) {
	out := &recorder{}
	w := NewWriter(out)
	io.WriteString(w, "<hello")
	io.WriteString(w, "/>")
	w.End()
	w.Upgrade()
	io.WriteString(w, "<ok")
	io.WriteString(w, "/>")
	w.End()
	want := []string{"<hello/>]]>]]>", "\n#5\n<ok/>\n##\n"}
	if len(out.writes) != 2 || out.writes[0] != want[0] || out.writes[1] != want[1] {
		t.Errorf("wrote %q, want %q", out.writes, want)
	}
}

func TestWriterSendsLongMessagesAsTheyCome(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		var out bytes.Buffer
		w, r := NewWriter(&out), NewReader(&out)
		if chunked {
			w.Upgrade()
			r.Upgrade()
		}
		long := strings.Repeat("0123456789", 10000)
		for i := 0; i < len(long); i += 1000 {
			io.WriteString(w, long[i:i+1000])
		}
		if out.Len() < 2*bufferSize {
			t.Errorf("chunked %t: only %d octets of %d left before the end", chunked, out.Len(), len(long))
		}
		if err := w.Withdraw(); err == nil {
			t.Error("a message could be taken back though part of it had left")
		}
		w.End()
		if got, err := messages(r); err != io.EOF || len(got) != 1 || got[0] != long {
			t.Errorf("chunked %t: %d messages came back, %v", chunked, len(got), err)
		}
	}
}

func TestWithdraw(t *testing.T) {
	var out bytes.Buffer
	w := NewWriter(&out)
	w.Upgrade()
	io.WriteString(w, "<data>")
	if err := w.Withdraw(); err != nil {
		t.Fatal(err)
	}
	io.WriteString(w, "<rpc-error/>")
	w.End()
	if got := out.String(); got != "\n#12\n<rpc-error/>\n##\n" {
		t.Errorf("wrote %q", got)
	}
}

func TestWriterKeepsItsError(t *testing.T) {
	w := NewWriter(&failing{})
	io.WriteString(w, "x")
	if err := w.End(); err != errFailing {
		t.Errorf("got %v", err)
	}
	if _, err := io.WriteString(w, "x"); err != errFailing {
		t.Errorf("got %v", err)
	}
}

var errFailing = errors.New("the peer is gone")

type failing struct{}

func (*failing) Write([]byte) (int, error) { return 0, errFailing }

// TestWriterAllocates nothing once it is made.
func TestWriterAllocatesNothing(t *testing.T) {
	w := NewWriter(io.Discard)
	w.Upgrade()
	text := bytes.Repeat([]byte("x"), 100)
	if n := testing.AllocsPerRun(100, func() {
		for range 1000 {
			w.Write(text)
		}
		w.End()
	}); n > 0 {
		t.Errorf("a message of 100 kB costs %v allocations", n)
	}
}

// FuzzFraming: whatever comes is either messages or an error, the same at once and by octets; and messages that were read
// come back from what a Writer makes of them.
func FuzzFraming(f *testing.F) {
	for _, stream := range []string{"\n#4\n<rpc\n#1\n>\n##\n", "<a/>]]>]]><b/>]]>]]>", "\n#0\n", "\n#4294967295\nx", "]]>]]]>]]>", "\n#1\na\n##\n\n##\n"} {
		f.Add([]byte(stream), true)
		f.Add([]byte(stream), false)
	}
	f.Fuzz(func(t *testing.T, stream []byte, chunked bool) {
		read := func(in io.Reader) ([]string, error) {
			r := NewReader(in)
			if chunked {
				r.Upgrade()
			}
			return messages(r)
		}
		once, err := read(bytes.NewReader(stream))
		octets, err2 := read(iotest.OneByteReader(bytes.NewReader(stream)))
		if strings.Join(once, "\x00") != strings.Join(octets, "\x00") || (err == io.EOF) != (err2 == io.EOF) {
			t.Fatalf("at once %q, %v; by octets %q, %v", once, err, octets, err2)
		}
		var out bytes.Buffer
		w := NewWriter(&out)
		if chunked {
			w.Upgrade()
		}
		var sent []string
		for _, m := range once {
			if m == "" || !chunked && strings.TrimLeft(m, " \t\r\n") == "" {
				continue // no message
			}
			sent = append(sent, m)
			io.WriteString(w, m)
			w.End()
		}
		back, err := read(&out)
		if err != io.EOF || strings.Join(back, "\x00") != strings.Join(sent, "\x00") {
			t.Fatalf("%q came back as %q, %v", sent, back, err)
		}
	})
}
