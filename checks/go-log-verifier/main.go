// Verifies a site log with Go's own transparency log code (golang.org/x/mod/sumdb/tlog and sumdb/note), which shares nothing
// with ours: the checkpoint's signature, every entry, every tile. Names the first byte that is wrong.
//
// Build, on Debian: apt-get install golang-1.19-go golang-golang-x-mod-dev
// GO111MODULE=off GOPATH=/usr/share/gocode /usr/lib/go-1.19/bin/go build -o go-log-verifier main.go
// Use: go-log-verifier VERIFIER-KEY audit/log/SITE/NUMBER        (`writ trust show` prints the verifier key)
package main

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// fail says what is wrong and ends the program.
func fail(format string, arguments ...interface{}) {
	fmt.Printf("NOT VERIFIED: "+format+"\n", arguments...)
	os.Exit(1)
}

// path is where C2SP tlog-tiles keeps a tile: Go puts the height before it, and calls entries data.
func path(tile tlog.Tile) string {
	return strings.Replace("tile/"+strings.TrimPrefix(tile.Path(), "tile/8/"), "tile/data/", "tile/entries/", 1)
}

func read(log, name string) []byte {
	bytes, err := os.ReadFile(filepath.Join(log, name))
	if err != nil {
		fail("%s: %v", name, err)
	}
	return bytes
}

// entries takes a bundle apart: each entry lies behind its length in two bytes.
func entries(name string, bytes []byte, width int) [][]byte {
	var all [][]byte
	for len(bytes) >= 2 && len(bytes)-2 >= int(binary.BigEndian.Uint16(bytes)) {
		end := 2 + int(binary.BigEndian.Uint16(bytes))
		all, bytes = append(all, bytes[2:end]), bytes[end:]
	}
	if len(bytes) != 0 || len(all) != width {
		fail("%s: %d entries and %d bytes more, expected %d entries", name, len(all), len(bytes), width)
	}
	return all
}

func main() {
	if len(os.Args) != 3 {
		fail("use: go-log-verifier VERIFIER-KEY audit/log/SITE/NUMBER")
	}
	verifier, err := note.NewVerifier(os.Args[1])
	if err != nil {
		fail("the verifier key: %v", err)
	}
	log := os.Args[2]
	checkpoint, err := note.Open(read(log, "checkpoint"), note.VerifierList(verifier))
	if err != nil {
		fail("checkpoint: %v", err)
	}
	lines := strings.Split(checkpoint.Text, "\n")
	if len(lines) != 4 || lines[0] != verifier.Name() {
		fail("checkpoint: it is not one of %s", verifier.Name())
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	root, bad := tlog.ParseHash(lines[2])
	if err != nil || bad != nil || size < 0 {
		fail("checkpoint: %q and %q are not a size and a root", lines[1], lines[2])
	}
	// The hashes of the whole tree, from the entries alone.
	var stored []tlog.Hash
	hashes := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	wrong := "" // The first entry that is not the one in the tile of hashes.
	for first := int64(0); first < size; first += 256 {
		tile := tlog.Tile{H: 8, L: 0, N: first / 256, W: int(min(256, size-first))}
		data := path(tlog.Tile{H: 8, L: -1, N: tile.N, W: tile.W})
		leaves := read(log, path(tile))
		for n, entry := range entries(data, read(log, data), tile.W) {
			hash := tlog.RecordHash(entry)
			if wrong == "" && len(leaves) >= 32*(n+1) && string(leaves[32*n:32*(n+1)]) != string(hash[:]) {
				wrong = fmt.Sprintf("%s: entry %d is not the one whose hash is in %s", data, first+int64(n), path(tile))
			}
			more, err := tlog.StoredHashesForRecordHash(first+int64(n), hash, hashes)
			if err != nil {
				fail("%s: %v", data, err)
			}
			stored = append(stored, more...)
		}
	}
	if computed, err := tlog.TreeHash(size, hashes); size > 0 && (err != nil || computed != root) {
		fail("%sthe entries come to root %v, the checkpoint has %v", wrong+"; ", computed, root)
	}
	for level, count := 0, size; count > 0; level, count = level+1, count>>8 {
		for first := int64(0); first < count; first += 256 {
			tile := tlog.Tile{H: 8, L: level, N: first / 256, W: int(min(256, count-first))}
			expected, err := tlog.ReadTileData(tile, hashes)
			found := read(log, path(tile))
			for at := range expected {
				if err != nil || len(found) != len(expected) || found[at] != expected[at] {
					fail("%s: byte %d is not what the entries come to", path(tile), at)
				}
			}
		}
	}
	fmt.Printf("Verified OK: %d entries of %s, root %v\n", size, verifier.Name(), root)
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}
