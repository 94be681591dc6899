package broker

// Waiting returns how many messages wait for devices and modules, those in their
// hands included.
func (b *Broker) Waiting() (n int) {
	var boxes []*Mailbox
	b.mu.Lock()
	for _, device := range b.devices {
		boxes = append(boxes, device.household()...)
	}
	b.mu.Unlock()
	for _, box := range boxes {
		n += box.Len() // without the lock: messages may expire meanwhile
	}
	return n
}
