package amqpfront

import "testing"

// TestReplyKeepsNoRequest checks that a reply which waits does not keep the
// bytes of its request, of which a binary id is a part.
func TestReplyKeepsNoRequest(t *testing.T) {
	t.Parallel()
	id := []byte("id")
	p := correlated(id)
	id[0] = 'x'
	if got := string(p.CorrelationID.([]byte)); got != "id" {
		t.Errorf("id %q, want a copy of %q", got, "id")
	}
}
