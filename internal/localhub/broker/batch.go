package broker

import "slices"

// putRecords puts feedback records into messages at the end of the queue, and off
// the journal's list. Like IoT Hub it joins what nobody has read yet: the last
// message takes more of them until it is delivered or full. The oldest messages
// are dropped that are too many then. It is for steps that no other operation
// shares. Called with mu held.
func (q *Queue) putRecords(s *step, records []Record, message func([]Record) *Message) (dropped int) {
	for _, r := range records {
		s.change(RemoveRecord{r.Key})
	}
	if e := q.open(); e != nil {
		n := min(len(records), feedbackBatch-e.records)
		q.extend(s, e, message, records[:n])
		records = records[n:]
	}
	for batch := range slices.Chunk(records, feedbackBatch) {
		q.add(s, message(batch), len(batch)%feedbackBatch)
	}
	dropped = min(q.size(), max(0, q.size()+int(s.added)-maxFeedback))
	q.endOldest(s, dropped, statusDropped)
	return dropped
}

// maxFeedback is how many feedback messages may wait, each of 10 KB or so. IoT Hub
// publishes no limit.
const maxFeedback = 10_000

// open returns the message that takes more records, nil if there is none. It can
// only be the last: all before it are full, or have been delivered. Called with mu
// held.
func (q *Queue) open() *entry {
	if len(q.ready) == 0 {
		return nil
	}
	if last := q.ready[len(q.ready)-1]; last.records > 0 {
		return last
	}
	return nil
}

// extend puts more records into a message, once that is kept. It is then as old as
// the youngest of them, and keeps its place. Called with mu held.
func (q *Queue) extend(s *step, e *entry, message func([]Record) *Message, more []Record) {
	m := message(more)
	m.Body = joinArrays(e.Message.Body, m.Body)
	longer := e.Entry
	longer.Message, longer.Enqueued, longer.Expires = m, s.now, s.now.Add(q.rules.ttl)
	s.hold(e)
	s.put(q.name, &longer)
	s.then(func() {
		e.Message, e.Enqueued, e.Expires = longer.Message, longer.Enqueued, longer.Expires
		e.records = (e.records + len(more)) % feedbackBatch
		q.due(e.Expires) // the clock has passed it by
	})
}

// joinArrays returns a JSON array of the elements of two that are not empty.
func joinArrays(a, b []byte) []byte {
	return slices.Concat(a[:len(a)-1], []byte{','}, b[1:])
}
