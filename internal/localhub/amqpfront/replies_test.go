package amqpfront

import (
	"bytes"
	"testing"

	"iothub-c2d/internal/amqpwire"
)

// TestReplyKeepsNoRequest checks that a reply which waits does not keep the
// bytes of its request, of which a binary id is a part.
func TestReplyKeepsNoRequest(t *testing.T) {
	t.Parallel()
	id := []byte("id")
	b, err := encodeReply(new(amqpwire.Message), id)
	if err != nil {
		t.Fatal(err)
	}
	before := bytes.Clone(b)
	id[0] = 'x'
	if !bytes.Equal(b, before) || !bytes.Contains(b, []byte("id")) {
		t.Errorf("reply % x, want a copy of the id in it", b)
	}
}
