package broker

// Journal keeps queues, feedback and sessions over a restart. Locks are not kept:
// nobody is left to hold them.
type Journal interface {
	// Load returns what is kept.
	Load() (*State, error)
	// Commit makes the changes, in their order: all of them, or none if it fails.
	// It waits for nothing, but calls done, once, when they are safe, whatever happens
	// to the process, or when it has failed. Changes whose Commit was called first are
	// made first. done is called from a goroutine of the journal's, or before Commit
	// returns, and waits for nothing either. Many goroutines may call Commit at once.
	Commit(changes []Change, done func(error))
}

// State is what a [Journal] has kept.
type State struct {
	Queues      map[string]QueueState // by name
	Records     []Record              // of feedback that no message holds yet
	Generations map[string]string     // generation ids, by the path of the device or module
	Sessions    map[string][]byte     // of [Mailbox.KeepSession], by the path likewise
	Identities  map[string][]byte     // what the registry has to keep of each, by path
}

// QueueState is what has been kept of one queue.
type QueueState struct {
	Last    uint64  // sequence number that was given last
	Entries []Entry // by sequence number
}

// FeedbackQueue is the name of the feedback queue in the journal. Each other queue
// has the path of its owner for a name, see [ID.Path].
const FeedbackQueue = "/messages/serviceBound/feedback"

// Change is one change to what is kept: [PutEntry], [RemoveEntry],
// [PutSequence], [PutRecord], [RemoveRecord], [PutGeneration], [PutIdentity],
// [RemoveIdentity], [PutSession] or [RemoveSession].
type Change interface{ change() }

// PutEntry keeps an entry, a new one or in place of its older self.
type PutEntry struct {
	Queue string
	Entry Entry
}

// RemoveEntry forgets the entry of the given number.
type RemoveEntry struct {
	Queue    string
	Sequence uint64
}

// PutSequence keeps the number that the newest entry of a queue has been given.
type PutSequence struct {
	Queue string
	Last  uint64
}

// PutRecord keeps a feedback record until a message holds it.
type PutRecord struct{ Record Record }

// RemoveRecord forgets the record of the given key.
type RemoveRecord struct{ Key string }

// PutGeneration keeps the generation id of a device or module.
type PutGeneration struct{ Path, Generation string }

// PutIdentity keeps what the registry says of a device or module. Nobody else looks
// inside the document.
type PutIdentity struct {
	ID       ID
	Document []byte
}

// RemoveIdentity forgets a device or module: its identity, its generation id, the
// number of its newest entry and its session.
type RemoveIdentity struct{ ID ID }

// PutSession keeps the session of a device or module, in place of an older one.
type PutSession struct {
	Path    string
	Session []byte
}

// RemoveSession forgets the session of a device or module.
type RemoveSession struct{ Path string }

func (PutEntry) change()       {}
func (RemoveEntry) change()    {}
func (PutSequence) change()    {}
func (PutRecord) change()      {}
func (RemoveRecord) change()   {}
func (PutGeneration) change()  {}
func (PutIdentity) change()    {}
func (RemoveIdentity) change() {}
func (PutSession) change()     {}
func (RemoveSession) change()  {}

// noJournal keeps nothing.
type noJournal struct{}

func (noJournal) Load() (*State, error)               { return new(State), nil }
func (noJournal) Commit(_ []Change, done func(error)) { done(nil) }
