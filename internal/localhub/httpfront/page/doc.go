// Package page is what a person sees of the local hub in a browser: its devices and
// who is connected, the messages in their queues, the feedback that waits, and what
// happens, as it happens. It changes nothing.
//
// It owns the document, which is made of the files in ui, and the JSON that the
// document asks for. Whoever serves it has looked at the host and the origin of a
// request before.
//
// It needs no token. The keys of a local hub are published, so that whoever reaches
// it could read all this over AMQP; but only browsers on the hub's own machine are
// answered, since somebody may have let the hub listen to others for the sake of
// its devices.
//
// It may import broker.
package page
