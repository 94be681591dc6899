'use strict';
// The SDK's WebSocket transport knows port 443 only, which an ordinary user
// cannot listen at. This sends connections for port 443 of localhost to the
// hub's port instead, below the SDK: its files and its URLs stay as they are.
const https = require('node:https');
const net = require('node:net');

const connect = net.Socket.prototype.connect;
let hubPort;

net.Socket.prototype.connect = function (...args) {
  // net.connect passes its arguments on as an array, with the options first.
  const options = Array.isArray(args[0]) ? args[0][0] : args[0];
  if (hubPort && options.host === 'localhost' && Number(options.port) === 443) {
    options.port = hubPort;
  }
  return connect.apply(this, args);
};

// redirect443 names the port to use from now on. Connections that are kept for the
// next request go to the hub before.
exports.redirect443 = (port) => {
  hubPort = port;
  https.globalAgent.destroy();
};
