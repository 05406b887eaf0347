package ipc

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
)

// ListingDigest is the digest of a folder's names for [Listing]: hex SHA-256 over
// the sorted names, each followed by a NUL. Python's folder of compiled modules is left
// out: it comes and goes with the runs of a script.
func ListingDigest(names []string) string {
	sorted := slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == "__pycache__" })
	slices.Sort(sorted)
	h := sha256.New()
	for _, n := range sorted {
		h.Write([]byte(n))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
