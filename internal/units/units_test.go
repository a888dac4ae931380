package units

import (
	"math"
	"strings"
	"testing"
)

func TestSize(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want uint64
	}{
		{"0", 0},
		{"1", 1},
		{"10B", 10},
		{"10b", 10},
		{"64K", 64 << 10},
		{"64k", 64 << 10},
		{"64KB", 64 << 10},
		{"64KiB", 64 << 10},
		{"64Ki", 64 << 10},
		{"64kib", 64 << 10},
		{"1.5G", 3 << 29},
		{"0.5M", 1 << 19},
		{"2T", 2 << 40},
		{"1P", 1 << 50},
		{"4096P", 1 << 62}, // the most
		{"4611686018427387903", 1<<62 - 1},
		{"0.0001K", 0},
		{"infinity", Unlimited},
		{"unlimited", Unlimited},
		{"max", Unlimited},
	} {
		if got, err := Size(tt.in); got != tt.want || err != nil {
			t.Errorf("Size(%q) = %d, %v, want %d", tt.in, got, err, tt.want)
		}
	}
	for _, in := range nonsense {
		want := "size " + quoted(in) + ": want a number of bytes such as 65536, 64K, 512M, 1.5G, or infinity"
		if got, err := Size(in); got != 0 || err == nil || err.Error() != want {
			t.Errorf("Size(%q) = %d, %v, want %s", in, got, err, want)
		}
	}
}

func TestRate(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want uint64
	}{
		{"1", 1},
		{"4096", 4096},
		{"10M", 10e6},
		{"10MB", 10e6},
		{"10Mi", 10 << 20},
		{"10MiB", 10 << 20},
		{"10MIB", 10 << 20},
		{"1.5K", 1500},
		{"0.5K", 500},
		{"1G", 1e9},
		{"infinity", Unlimited},
		{"max", Unlimited},
	} {
		if got, err := Rate(tt.in); got != tt.want || err != nil {
			t.Errorf("Rate(%q) = %d, %v, want %d", tt.in, got, err, tt.want)
		}
	}
	// A rate of nothing would stop every access for good.
	for _, in := range append([]string{"0", "0K", "0.0001K"}, nonsense...) {
		want := "rate " + quoted(in) + ": want a number each second such as 4096, 10M, 1.5G, or infinity"
		if got, err := Rate(in); got != 0 || err == nil || err.Error() != want {
			t.Errorf("Rate(%q) = %d, %v, want %s", in, got, err, want)
		}
	}
}

// nonsense is no amount of anything.
var nonsense = []string{
	"", " ", "K", "B", "-1", "+1", "1 G", " 1", "1 ", "1GG", "1i", "1iB", "iB", "1Bi", "1BB", "1E", "1e3", "0x10", "1_000",
	"1,5G", ".5G", "5.G", "1..5G", "1.5.5G", "1.5", "1.5B", "Infinity", "inf", "NaN", "nan", "max ", "1\x00", "1K\n", "١", "5000P",
	"4611686018427387904", "18446744073709551615", "99999999999999999999999", "1/2", "50%",
}

func TestPercent(t *testing.T) {
	for _, tt := range []struct {
		in   string
		want float64
	}{
		{"0%", 0},
		{"1%", 0.01},
		{"20%", 0.2},
		{"12.5%", 0.125},
		{"100%", 1},
		{"250%", 2.5},
		{"1000000%", 10000},
	} {
		if got, err := Percent(tt.in); got != tt.want || err != nil {
			t.Errorf("Percent(%q) = %v, %v, want %v", tt.in, got, err, tt.want)
		}
	}
	for _, in := range []string{"", "%", "20", "-1%", "-0%", "+1%", "1e2%", "0x10%", "1_0%", "inf%", "NaN%", "1000001%", "1%%", " 1%", "1 %", "1..2%"} {
		want := "share " + quoted(in) + ": want a percentage such as 50%"
		if got, err := Percent(in); got != 0 || err == nil || err.Error() != want {
			t.Errorf("Percent(%q) = %v, %v, want %s", in, got, err, want)
		}
	}
}

func TestText(t *testing.T) {
	for _, tt := range []struct {
		in   uint64
		want string
	}{
		{0, "0"},
		{1, "1"},
		{1023, "1023"},
		{1024, "1K"},
		{1025, "1025"},
		{64 << 20, "64M"},
		{1536 << 20, "1536M"},
		{2 << 30, "2G"},
		{1 << 50, "1024T"},
		{1 << 62, "4194304T"},
		{Unlimited - 1, "18446744073709551614"},
		{Unlimited, "infinity"},
	} {
		if got := Text(tt.in); got != tt.want {
			t.Errorf("Text(%d) = %q, want %q", tt.in, got, tt.want)
		}
	}
}

// quoted writes s as %q does, for the few that need it here.
func quoted(s string) string {
	return `"` + strings.NewReplacer("\x00", `\x00`, "\n", `\n`).Replace(s) + `"`
}

// FuzzUnits: what is taken is in its bounds, and what Text writes is read as
// the same amount.
func FuzzUnits(f *testing.F) {
	for _, s := range append([]string{"64K", "1.5G", "10MiB", "infinity", "20%", "4096P"}, nonsense...) {
		f.Add(s, uint64(len(s)))
	}
	f.Fuzz(func(t *testing.T, s string, n uint64) {
		if got, err := Size(s); err == nil && got > 1<<62 && got != Unlimited {
			t.Errorf("Size(%q) = %d", s, got)
		}
		if got, err := Rate(s); err == nil && (got == 0 || got > 1<<62 && got != Unlimited) {
			t.Errorf("Rate(%q) = %d", s, got)
		}
		if got, err := Percent(s); err == nil && !(got >= 0 && got <= 10000) || math.IsNaN(got) {
			t.Errorf("Percent(%q) = %v", s, got)
		}
		if n < 1<<62 || n == Unlimited {
			if got, err := Size(Text(n)); got != n || err != nil {
				t.Errorf("Size(%q) = %d, %v, want %d", Text(n), got, err, n)
			}
		}
	})
}
