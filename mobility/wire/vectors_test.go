package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"testing"
)

// vector is one sample packet of testdata/vectors.json. The same packets are in the captures beside it.
type vector struct {
	File   string     `json:"file"`
	Frame  int        `json:"frame"` // counted from 1
	Name   string     `json:"name"`
	Note   string     `json:"note"`
	Expect string     `json:"expect"`
	Src    netip.Addr `json:"src"`
	Dst    netip.Addr `json:"dst"`
	Octets hexOctets  `json:"frame_hex"` // from the Ethernet header
	MH     hexOctets  `json:"mh_hex"`    // none in user traffic
}

type hexOctets []byte

func (h *hexOctets) UnmarshalText(text []byte) (err error) {
	*h, err = hex.DecodeString(string(text))
	return err
}

// vectors loads the sample packets: all of them, or those with a Mobility Header.
func vectors(t testing.TB, signalling bool) []vector {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", "vectors.json"))
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Packets []vector }
	if err := json.Unmarshal(raw, &file); err != nil {
		t.Fatal(err)
	}
	if len(file.Packets) != 86 {
		t.Fatalf("%d sample packets, want 86", len(file.Packets))
	}
	if !signalling {
		return file.Packets
	}
	var out []vector
	for _, v := range file.Packets {
		if v.MH != nil {
			out = append(out, v)
		}
	}
	return out
}

// namedVector is the Mobility Header of one sample packet.
func namedVector(t testing.TB, name string) vector {
	t.Helper()
	for _, v := range vectors(t, true) {
		if v.Name == name {
			return v
		}
	}
	t.Fatalf("no sample packet %q", name)
	return vector{}
}

// The sample packets that are refused, and how. Whatever else their notes ask for is the business of an anchor, and they
// are messages.
var refused = map[string]DecodeError{
	"payload-proto":    {KindPayloadProto, 0, TypeBindingUpdate, 0},
	"hdrlen-too-short": {KindTooShort, 1, TypeBindingUpdate, 0},
	"unknown-mh-type":  {KindType, 2, 99, 0},
	"hdrlen-too-long":  {KindTooLong, 1, TypeBindingUpdate, 0},
	"option-overrun":   {KindOptionOverrun, 37, TypeBindingUpdate, OptionHNP},
	"hnp-bad-length":   {KindOptionLength, 37, TypeBindingUpdate, OptionHNP},
	"hnp-bad-plen":     {KindOptionContent, 39, TypeBindingUpdate, OptionHNP},
}

func TestVectorsDecodeAndEncode(t *testing.T) {
	var d Decoder
	met := 0
	for _, v := range vectors(t, true) {
		t.Run(v.Name, func(t *testing.T) {
			for _, decode := range []func([]byte) (Message, error){Parse, d.Decode} {
				m, err := decode(v.MH)
				if want, bad := refused[v.Name]; bad {
					if got, ok := err.(*DecodeError); !ok || *got != want {
						t.Fatalf("got %v %#v\nwant %#v", m, err, want)
					}
					met++
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				prefix := []byte("in front")
				got, err := m.AppendBinary(prefix)
				if err != nil || !bytes.Equal(got, append(prefix, v.MH...)) {
					t.Errorf("%v, %v\ngot  %x\nwant %x", m, err, got[len(prefix):], v.MH)
				}
			}
		})
	}
	if met != 2*len(refused) {
		t.Errorf("met %d refusals, want %d: a sample packet is missing", met, 2*len(refused))
	}
}

func TestVectorsChecksum(t *testing.T) {
	for _, v := range vectors(t, true) {
		err := VerifyChecksum(v.Src, v.Dst, v.MH)
		if v.Name == "bad-checksum" {
			if e, ok := err.(*DecodeError); !ok || e.Kind != KindChecksum || e.Offset != 4 {
				t.Errorf("%s: %v, want a checksum error at octet 4", v.Name, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
		again := bytes.Clone(v.MH)
		binary.BigEndian.PutUint16(again[4:], 0xbad)
		SetChecksum(v.Src, v.Dst, again)
		if !bytes.Equal(again, v.MH) {
			t.Errorf("%s: checksum set to %x, want %x", v.Name, again[4:6], v.MH[4:6])
		}
	}
}

func TestVectorsTruncated(t *testing.T) {
	var d Decoder
	for _, v := range vectors(t, true) {
		for n := range v.MH {
			if m, err := Parse(v.MH[:n]); err == nil {
				t.Fatalf("%s: the first %d octets are taken for %v", v.Name, n, m)
			}
			// Also with a Header Len that fits: anything goes but reading past the end.
			if n%unit == 0 && n > 0 {
				short := bytes.Clone(v.MH[:n:n])
				short[atLength] = byte(n/unit - 1)
				if m, err := d.Decode(short); err == nil {
					again, err := m.AppendBinary(nil)
					if err != nil || !bytes.Equal(again, short) {
						t.Fatalf("%s: %x became %x, %v", v.Name, short, again, err)
					}
				}
			}
		}
	}
}

// The captures are what people open in Wireshark; they hold the packets of the file.
func TestVectorsCaptures(t *testing.T) {
	const fileHeader, packetHeader = 24, 16
	captures := map[string][]byte{}
	for _, v := range vectors(t, false) {
		if captures[v.File] == nil {
			raw, err := os.ReadFile(filepath.Join("testdata", v.File))
			if err != nil {
				t.Fatal(err)
			}
			captures[v.File] = raw[fileHeader:]
		}
		rest := captures[v.File]
		n := packetHeader + binary.LittleEndian.Uint32(rest[8:])
		if !bytes.Equal(rest[packetHeader:n], v.Octets) {
			t.Errorf("%s: frame %d of %s differs", v.Name, v.Frame, v.File)
		}
		if !bytes.HasSuffix(v.Octets, v.MH) {
			t.Errorf("%s: the Mobility Header is not the end of the frame", v.Name)
		}
		captures[v.File] = rest[n:]
	}
	for name, rest := range captures {
		if len(rest) != 0 {
			t.Errorf("%s has packets that vectors.json lacks", name)
		}
	}
}
