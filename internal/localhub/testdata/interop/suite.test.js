'use strict';
// Microsoft's SDK for Node.js against the local hub: both gateways, both
// transports, in all combinations with our own tools.
const { after, before, describe, test } = require('node:test');
const { redirect443 } = require('./redirect');
const { World } = require('./world');
const parts = ['settlement', 'purge', 'content', 'refusal', 'certificate', 'device', 'registry', 'http'].map((name) => require(`./${name}`));

for (const gateway of ['v1', 'v2']) {
  for (const transport of ['Amqp', 'AmqpWs']) {
    describe(`gateway ${gateway} ${transport}`, () => {
      const world = new World(gateway, transport);
      before(() => redirect443(world.port));
      for (const part of parts) part(world, (name, f) => test(name, { timeout: 30_000 }, f));
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
