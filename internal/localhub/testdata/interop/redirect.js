'use strict';
// The SDK's WebSocket transports know port 443 only, which an ordinary user
// cannot listen at, and MQTT's port 8883 only. This sends connections for these
// ports of localhost to the hub's port instead, below the SDK: its files and its
// URLs stay as they are.
const net = require('node:net');

const connect = net.Socket.prototype.connect;
const fixed = [443, 8883];
const redirected = new Set();
let hubPort;

net.Socket.prototype.connect = function (...args) {
  // net.connect passes its arguments on as an array, with the options first.
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (hubPort && options.host === 'localhost' && fixed.includes(Number(options.port))) {
    options.port = hubPort;
    redirected.add(this.once('close', () => redirected.delete(this)));
  }
  return connect.apply(this, args);
};

// redirect names the port to use from now on. Connections that a client keeps for
// its next request lead to the hub before.
exports.redirect = (port) => {
  hubPort = port;
  for (const socket of redirected) socket.destroy();
};
