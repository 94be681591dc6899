package dial

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
)

// secure does the TLS handshake on a stream to the hub.
func (r Route) secure(ctx context.Context, stream net.Conn) (net.Conn, error) {
	secured := tls.Client(stream, r.tls())
	if err := secured.HandshakeContext(ctx); err != nil {
		_ = stream.Close() // what went wrong before is what matters
		return nil, fmt.Errorf("TLS with %s: %w", r.Address(), err)
	}
	return secured, nil
}

// tls returns the TLS configuration for the hub.
func (r Route) tls() *tls.Config {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if r.TLS != nil {
		config = r.TLS.Clone()
	}
	config.ServerName, _ = r.Hub.Endpoint()
	// Hubs with TLS 1.2 may ask for the client's certificate later on, for
	// WebSocket and REST. Source: a maintainer in Azure/azure-iot-sdk-c#694.
	config.Renegotiation = tls.RenegotiateOnceAsClient
	// Small records let a page begin to show sooner. Frames that are written
	// together need no more of them than one.
	config.DynamicRecordSizingDisabled = true
	return config
}

// TLSVersion names the version that a stream uses, for the log.
func TLSVersion(stream net.Conn) string {
	if s, ok := stream.(interface{ ConnectionState() tls.ConnectionState }); ok {
		return tls.VersionName(s.ConnectionState().Version)
	}
	return "none"
}
