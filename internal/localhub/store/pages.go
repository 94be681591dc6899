package store

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
)

// checkPages walks all pages that a bbolt file uses, as bbolt would, and returns
// what is wrong with them, or what its meta page says. bbolt itself maps the file
// and trusts it: it runs round a cycle of pages for ever, and past the end of one
// that is too short.
//
// Every page is read once at most, so a hostile file costs no more than its
// size. What is in the values is not looked at.
func checkPages(file io.ReaderAt, size int64) (meta, error) {
	m, err := readMeta(file, size)
	if err != nil {
		return m, err
	}
	if m.pages > uint64(size)/m.pageSize {
		return m, damaged("it ends too early")
	}
	w := &walk{file: file, pageSize: m.pageSize, used: make([]bool, m.pages)}
	if err := w.tree(m.root, span{}, 0); err != nil {
		return m, err
	}
	return m, w.freelist(m.freelist)
}

// walk is one way through the pages of a file.
type walk struct {
	file     io.ReaderAt
	pageSize uint64 // bytes
	used     []bool // pages that have been read, by id
}

// page is a page with its header, and the overflow pages behind it. Source: bbolt,
// internal/common/page.go: id, flags, count and overflow, in the order of bytes of
// the machine, and then count elements.
type page []byte

const pageHeader = 16 // bytes

const (
	branchPage   = 0x01
	leafPage     = 0x02
	freelistPage = 0x10
)

var order = binary.NativeEndian

func (p page) id() uint64       { return order.Uint64(p) }
func (p page) flags() uint16    { return order.Uint16(p[8:]) }
func (p page) count() uint64    { return uint64(order.Uint16(p[10:])) }
func (p page) overflow() uint64 { return uint64(order.Uint32(p[12:])) }

// read returns the page of the given id, which nobody may have used yet.
func (w *walk) read(id uint64) (page, error) {
	exists := uint64(len(w.used))
	if id < 2 || id >= exists {
		return nil, damaged("there is no page %d", id)
	}
	header := make(page, pageHeader)
	if err := w.readAt(header, id); err != nil {
		return nil, err
	}
	switch {
	case header.id() != id:
		return nil, damaged("page %d says that it is %d", id, header.id())
	case header.overflow() >= exists-id:
		return nil, damaged("page %d is too long", id)
	}
	for i := id; i <= id+header.overflow(); i++ {
		if w.used[i] {
			return nil, damaged("page %d is used twice", i)
		}
		w.used[i] = true
	}
	p := make(page, (1+header.overflow())*w.pageSize)
	return p, w.readAt(p, id)
}

func (w *walk) readAt(b []byte, id uint64) error {
	if _, err := w.file.ReadAt(b, int64(id*w.pageSize)); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	return nil
}

// span is where the keys of a page must lie. The first one is what the branch
// above says; all are before max; nil is no limit. bbolt finds a page in its
// branch by its first key, and adds the page once more if it is not there.
type span struct{ first, max []byte }

// maxDepth is how deep pages and buckets may be nested: bbolt's trees double at
// each level.
const maxDepth = 64

// tree checks the page of the given id, and all below it.
func (w *walk) tree(id uint64, within span, depth int) error {
	if depth > maxDepth {
		return damaged("page %d lies too deep", id)
	}
	p, err := w.read(id)
	if err != nil {
		return err
	}
	elements, err := p.elements(within)
	if err != nil {
		return err
	}
	for i, e := range elements {
		switch {
		case p.flags() == branchPage:
			below := span{e.key, within.max}
			if i+1 < len(elements) {
				below.max = elements[i+1].key
			}
			err = w.tree(e.child, below, depth+1)
		case e.bucket:
			err = w.bucket(id, e.value, depth)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bucketHeader is the bytes of a bucket in a leaf: the id of its root page and its
// sequence number. Source: bbolt, internal/common/bucket.go.
const bucketHeader = 16

// bucket checks a bucket in a leaf page. If its root is page 0, the page is in the
// value itself, and holds no bucket.
func (w *walk) bucket(in uint64, value []byte, depth int) error {
	if len(value) < bucketHeader {
		return damaged("page %d has a bucket of %d bytes", in, len(value))
	}
	if root := order.Uint64(value); root != 0 {
		return w.tree(root, span{}, depth+1)
	}
	p := page(value[bucketHeader:])
	if len(p) < pageHeader || p.flags() != leafPage {
		return damaged("page %d has a bucket with no page", in)
	}
	elements, err := p.elements(span{})
	for _, e := range elements {
		if e.bucket {
			return damaged("page %d has a bucket in a bucket's value", in)
		}
	}
	return err
}

// freelist checks the list of the pages that are free, which is sorted and has
// none that is used. bbolt would give such a page to the next transaction.
func (w *walk) freelist(id uint64) error {
	p, err := w.read(id)
	switch {
	case err != nil:
		return err
	case p.flags() != freelistPage:
		return damaged("page %d is no list of free pages", id)
	}
	list, n := p[pageHeader:], p.count()
	if n == math.MaxUint16 { // the number did not fit, and is the first element
		n, list = order.Uint64(list), list[8:]
	}
	if n > uint64(len(list)/8) {
		return damaged("the list of free pages is too long")
	}
	last := uint64(1)
	for ; n > 0; n, list = n-1, list[8:] {
		free := order.Uint64(list)
		if free <= last || free >= uint64(len(w.used)) || w.used[free] {
			return damaged("page %d cannot be free", free)
		}
		last = free
	}
	return nil
}

// element is one of the elements of a branch or leaf page.
type element struct {
	key, value []byte
	child      uint64 // of a branch page: the page below
	bucket     bool   // of a leaf page: value is a bucket
}

// elementSize is the bytes of an element before its key, in both kinds of page.
const elementSize = 16

// elements returns the elements of a branch or leaf page, in whose bounds they
// are, in order.
func (p page) elements(within span) ([]element, error) {
	n := p.count()
	if p.flags() != leafPage && (p.flags() != branchPage || n == 0) {
		return nil, damaged("page %d is neither leaf nor branch", p.id())
	}
	keys := pageHeader + n*elementSize // where keys and values begin
	if keys > uint64(len(p)) {
		return nil, damaged("page %d has too many elements", p.id())
	}
	elements := make([]element, n)
	var last []byte
	for i := range elements {
		e, ok := p.element(pageHeader+uint64(i)*elementSize, keys)
		if !ok {
			return nil, damaged("page %d: element %d lies outside of it", p.id(), i)
		}
		if bytes.Compare(e.key, last) <= 0 || within.max != nil && bytes.Compare(e.key, within.max) >= 0 {
			return nil, damaged("page %d: the key of element %d is out of order", p.id(), i)
		}
		elements[i], last = e, e.key
	}
	if within.first != nil && (n == 0 || !bytes.Equal(elements[0].key, within.first)) {
		return nil, damaged("page %d is in the wrong place", p.id())
	}
	return elements, nil
}

// element returns the element at the given byte. Its key and value must not begin
// before keys.
func (p page) element(at, keys uint64) (e element, ok bool) {
	word := func(i uint64) uint64 { return uint64(order.Uint32(p[at+4*i:])) }
	flags, position, keySize, valueSize := uint64(0), word(0), word(1), uint64(0)
	if p.flags() == branchPage {
		e.child = order.Uint64(p[at+8:])
	} else {
		flags, position, keySize, valueSize = word(0), word(1), word(2), word(3)
		e.bucket = flags == 1
	}
	start := at + position
	middle := start + keySize
	end := middle + valueSize
	if flags > 1 || keySize == 0 || start < keys || end > uint64(len(p)) {
		return e, false
	}
	e.key, e.value = p[start:middle], p[middle:end]
	return e, true
}
