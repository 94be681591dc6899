package localhub

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
	"time"
)

// Serve accepts connections until the hub is closed or the listener fails. It
// closes the listener.
func (h *Hub) Serve(l net.Listener) error {
	if !h.start() {
		return l.Close()
	}
	defer h.served.Done()
	stop := context.AfterFunc(h.ctx, func() { _ = l.Close() })
	defer stop()
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			h.served.Go(func() { h.ServeConn(c) })
		case h.ctx.Err() != nil:
			return nil
		case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
			h.log.Warn("no file descriptor is left for a client", "error", err)
			time.Sleep(acceptPause) // clients that leave give some back
		default:
			return fmt.Errorf("accept on %s: %w", l.Addr(), errors.Join(err, l.Close()))
		}
	}
}

// acceptPause is how long the hub waits for a file descriptor.
const acceptPause = 100 * time.Millisecond

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
	for _, box := range h.mailboxes {
		box().queue.close()
	}
	h.feedback.close() // last, since the others report to it
	if h.store == nil {
		return
	}
	if err := h.store.close(); err != nil {
		h.log.Error("data not closed", "error", err)
	}
}
