// Package sas holds what a client shows to IoT Hub, and what a hub checks:
// connection strings, shared access keys and shared access signature (SAS)
// tokens.
//
// A client parses its connection string and signs tokens with the key in it. A
// hub parses the token it is given, verifies it with the keys it knows and asks
// whether the token's scope covers what the client wants.
//
// Secrets print as REDACTED with every fmt verb, in slog and in JSON. Only
// [Key.Base64], [Token.Reveal] and [ConnectionString.Reveal] give them away.
package sas
