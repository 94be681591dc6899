package localhub

func (h *Hub) admit() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open >= maxConnections || h.ctx.Err() != nil {
		return false
	}
	h.open++
	return true
}

func (h *Hub) leave() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.open--
}

// start notes one more call for Close to wait for. It reports false if the hub
// is closed. The lock keeps it from coming between Close's two steps.
func (h *Hub) start() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.ctx.Err() != nil {
		return false
	}
	h.served.Add(1)
	return true
}

// Close tells every client that the hub goes away, and waits until all
// listeners and the connections that [Hub.Serve] accepted are gone.
func (h *Hub) Close() {
	h.mu.Lock()
	h.cancel()
	h.mu.Unlock()
	h.served.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range h.mailboxes {
		m.queue.close()
	}
	h.feedback.close() // last, since the others report to it
	if h.store == nil {
		return
	}
	if err := h.store.close(); err != nil {
		h.log.Error("data not closed", "error", err)
	}
}
