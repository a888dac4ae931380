// Package units reads amounts as people write them, in the forms that docker
// and systemd take.
package units

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Unlimited stands for no limit.
const Unlimited = ^uint64(0)

// Infinite reports whether s is a word for no limit.
func Infinite(s string) bool { return s == "infinity" || s == "unlimited" || s == "max" }

// Size reads a number of bytes: digits, with a fraction if need be, and K, M, G,
// T or P for powers of 1024, with an optional "B" or "iB" after them; or a word
// for no limit, which gives Unlimited.
func Size(s string) (uint64, error) {
	if Infinite(s) {
		return Unlimited, nil
	}
	n, ok := scaled(s, 1024)
	if !ok {
		return 0, fmt.Errorf("size %q: want a number of bytes such as 65536, 64K, 512M, 1.5G, or infinity", s)
	}
	return n, nil
}

// Rate reads a number of bytes or operations each second: as Size does, but K,
// M, G, T and P are powers of 1000 unless "i" follows them, as for systemd's
// bandwidths (systemd.resource-control(5)).
func Rate(s string) (uint64, error) {
	if Infinite(s) {
		return Unlimited, nil
	}
	base := 1000.0
	if strings.ContainsAny(s, "iI") {
		base = 1024
	}
	n, ok := scaled(s, base)
	if !ok || n == 0 {
		return 0, fmt.Errorf("rate %q: want a number each second such as 4096, 10M, 1.5G, or infinity", s)
	}
	return n, nil
}

// scaled reads digits with a fraction and a unit. What is larger than 2^62 is
// no amount of anything.
func scaled(s string, base float64) (uint64, bool) {
	end := 0
	for end < len(s) && (s[end] >= '0' && s[end] <= '9' || s[end] == '.') {
		end++
	}
	if end == 0 || s[0] == '.' || s[end-1] == '.' {
		return 0, false
	}
	unit := strings.ToUpper(s[end:])
	if unit == "" || unit == "B" {
		n, err := strconv.ParseUint(s[:end], 10, 62)
		return n, err == nil
	}
	power := 1 + strings.IndexByte("KMGTP", unit[0])
	if power == 0 || unit[1:] != "" && unit[1:] != "B" && unit[1:] != "I" && unit[1:] != "IB" {
		return 0, false
	}
	f, err := strconv.ParseFloat(s[:end], 64)
	f *= math.Pow(base, float64(power))
	return uint64(f), err == nil && f <= 1<<62
}

// Percent reads "20%" as 0.2, and up to ten thousand times the whole.
func Percent(s string) (float64, error) {
	digits, ok := strings.CutSuffix(s, "%")
	f, err := strconv.ParseFloat(digits, 64)
	if !ok || err != nil || strings.Trim(digits, "0123456789.") != "" || f > 1e4*100 {
		return 0, fmt.Errorf("share %q: want a percentage such as 50%%", s)
	}
	return f / 100, nil
}

// Text writes a number of bytes with the largest unit that divides it.
func Text(n uint64) string {
	if n == Unlimited {
		return "infinity"
	}
	for _, u := range []struct {
		shift uint
		name  string
	}{{40, "T"}, {30, "G"}, {20, "M"}, {10, "K"}} {
		if n != 0 && n%(1<<u.shift) == 0 {
			return strconv.FormatUint(n>>u.shift, 10) + u.name
		}
	}
	return strconv.FormatUint(n, 10)
}
