package ipc

import (
	"crypto/sha256"
	"encoding/hex"
	"sort"
)

// ListingDigest is the digest of a folder's names for [Listing]: hex SHA-256 over
// the sorted names, each followed by a NUL.
func ListingDigest(names []string) string {
	sorted := append([]string(nil), names...)
	sort.Strings(sorted)
	h := sha256.New()
	for _, n := range sorted {
		h.Write([]byte(n))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
