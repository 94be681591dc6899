'use strict';
// Microsoft's SDK for Node.js against the local hub: over AMQP with both
// gateways, over MQTT and HTTP, which have but one, on TCP and WebSocket, and in all
// combinations with our own tools.
const { after, before, describe, test } = require('node:test');
const { redirect } = require('./redirect');
const { World } = require('./world');
const amqp = ['settlement', 'purge', 'content', 'refusal', 'certificate', 'device', 'registry', 'entra'];

for (const [gateway, transports, parts] of [
  ['v1', ['Amqp', 'AmqpWs'], amqp],
  ['v2', ['Amqp', 'AmqpWs'], amqp],
  ['v2', ['Mqtt', 'MqttWs'], ['mqtt', 'certificate', 'registry']],
  ['v2', ['Http'], ['http']],
]) {
  for (const transport of transports) {
    describe(`gateway ${gateway} ${transport}`, () => {
      const world = new World(gateway, transport);
      before(() => redirect(world.port));
      for (const part of parts) require(`./${part}`)(world, (name, f) => test(name, { timeout: 30_000 }, f));
    });
  }
}

// The runner gives up, without a word of why, when nothing is left to wait for;
// and a client that a failed test has left open must not keep the process.
const alive = setInterval(() => {}, 1_000);
after(() => {
  clearInterval(alive);
  setTimeout(() => {
    console.error('something was left open');
    process.exit(1);
  }, 5_000).unref();
});
