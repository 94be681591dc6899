// Package access decides who may do what: it checks tokens and certificates
// against the policies and devices of a hub, and says which paths below the hub's
// name they are good for, and until when.
//
// It owns the keys of policies; those of devices, and their thumbprints, are the
// registry's, which it asks anew each time, since they change. It knows no protocol:
// each front end shows it what a client has shown, and tells a refusal in its own
// way.
//
// It may import the broker, for ids and refusals, registry, address and sas, and alone
// the library for JSON Web Tokens.
package access
