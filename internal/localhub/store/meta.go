package store

import (
	"hash/fnv"
	"io"
)

// meta is what a meta page says. Source: bbolt, internal/common/meta.go: magic,
// version, page size, flags, root bucket (page and sequence number), free list,
// number of pages, transaction, checksum.
type meta struct {
	pageSize    uint64 // bytes
	root        uint64 // page of the root bucket
	freelist    uint64 // page
	pages       uint64 // in use, or free
	transaction uint64
}

const (
	metaMagic   = 0xED0CDAED
	metaVersion = 2
	metaSize    = 64 // bytes, of which the last 8 are the checksum
)

// The page sizes that bbolt looks for the second meta page at.
const (
	minPageSize = 1 << 10
	maxPageSize = 1 << 24
)

// readMeta returns the meta page that bbolt will go by: the newer one of the two,
// if it is whole. A crash can leave one of them half written.
func readMeta(file io.ReaderAt, size int64) (newest meta, err error) {
	first, ok := metaAt(file, 0)
	pageSize := first.pageSize
	if !ok {
		pageSize = secondMeta(file, size)
	}
	second, alsoOK := metaAt(file, int64(pageSize))
	switch {
	case alsoOK && (!ok || second.transaction > first.transaction):
		newest = second
	case ok:
		newest = first
	default:
		return meta{}, damaged("it is no database, or both of its meta pages are broken")
	}
	if newest.pageSize != pageSize {
		return meta{}, damaged("its pages have %d bytes, or %d", pageSize, newest.pageSize)
	}
	return newest, nil
}

// secondMeta finds the second meta page where the first does not say where it
// is. It returns its place, which is the size of pages, 0 for none.
func secondMeta(file io.ReaderAt, size int64) uint64 {
	for at := int64(minPageSize); at <= maxPageSize && at < size-minPageSize; at *= 2 {
		if _, ok := metaAt(file, at); ok {
			return uint64(at)
		}
	}
	return 0
}

// metaAt reads the meta page at the given byte, and reports whether it is whole.
func metaAt(file io.ReaderAt, at int64) (m meta, ok bool) {
	b := make([]byte, pageHeader+metaSize)
	if _, err := file.ReadAt(b, at); err != nil {
		return m, false
	}
	b = b[pageHeader:]
	sum := fnv.New64a()
	_, _ = sum.Write(b[:metaSize-8])
	m = meta{
		pageSize:    uint64(order.Uint32(b[8:])),
		root:        order.Uint64(b[16:]),
		freelist:    order.Uint64(b[32:]),
		pages:       order.Uint64(b[40:]),
		transaction: order.Uint64(b[48:]),
	}
	known := order.Uint32(b) == metaMagic && order.Uint32(b[4:]) == metaVersion && order.Uint64(b[56:]) == sum.Sum64()
	sane := m.pageSize >= minPageSize && m.pageSize <= maxPageSize && m.pageSize&(m.pageSize-1) == 0
	return m, known && sane
}
