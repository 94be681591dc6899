'use strict';
// Records, frame by frame, what the SDK's two clients send and receive in one
// round trip, into files in the folder that the argument names.
const fs = require('node:fs');
const path = require('node:path');
const log = require('rhea/lib/log');
const { World, message } = require('./world');

const version = (name) => `${name} ${require(`${name}/package.json`).version}`;
const names = ['open', 'begin', 'attach', 'flow', 'transfer', 'disposition', 'detach', 'end', 'close'];
let lines;

// The hooks are where the AMQP library under the SDK logs, if asked to.
log.frames = (format, id, header) => {
  if (header?.major !== 1) return; // not a protocol header
  const bytes = Buffer.from([...Buffer.from('AMQP'), header.protocol_id, header.major, header.minor, header.revision]);
  lines.push(`${format.includes('->') ? '>' : '<'} header ${bytes.toString('hex')}`);
};
log.raw = (format, id, size, frame) => {
  lines.push(`${format.includes('SENT') ? '>' : '<'} ${name(frame)} ${masked(frame).toString('hex')}`);
};
log.frames.enabled = log.raw.enabled = true;

// name reads the frame's type off its descriptor, the small ulong 0x10 to 0x18.
function name(frame) {
  const body = frame[4] * 4;
  return body === frame.length ? 'empty' : names[frame[body + 2] - 0x10];
}

// masked overwrites the signature of a token.
function masked(frame) {
  const copy = Buffer.from(frame);
  const start = copy.indexOf('sig=') + 'sig='.length;
  if (start > 'sig='.length) copy.fill('x', start, copy.indexOf('&', start));
  return copy;
}

const note = (text) => lines.push(`# ${text}`);

async function recordService(world, t) {
  const id = world.newDevice();
  const device = await world.simulatedDevice(t, id, '--count', '1');
  note('It connects and puts its token.');
  const service = await world.service(t);
  note('It attaches to feedback.');
  const feedback = await world.feedback(t, service);
  note('It sends a message, and settles the feedback by itself.');
  const messageId = '5d1e0a2e-7f0c-4a35-9d61-0a1b2c3d4e5f';
  await service.send(id, message('hello', {
    messageId, correlationId: 'correlation_0', contentType: 'text/plain', contentEncoding: 'utf-8',
    ack: 'full', expiryTimeUtc: Date.now() + 3_600_000,
  }, { Property: 'PropMsg_0' }));
  await feedback(messageId);
  await device.ended;
  note('It sends to a device that does not exist.');
  await service.send('nobody', message('')).catch(() => {});
  note('It closes.');
}

async function recordDevice(world, t) {
  const id = world.newDevice();
  note('It connects and puts its token.');
  const device = await world.device(t, id);
  note('It attaches to its messages, and completes one.');
  const send = () => world.sendC2D(t, id, ['--message-id', 'm', '--no-wait', 'hello']);
  const first = device.next();
  await send();
  await device.complete(await first);
  note('It abandons one, and completes it the second time.');
  await send();
  await device.abandon(await device.next());
  await device.complete(await device.next());
  note('It rejects one.');
  await send();
  await device.reject(await device.next());
  note('It sends telemetry.');
  await device.sendEvent(message('23.4', {}, { unit: 'Celsius' }));
  note('It closes.');
}

async function record(file, run) {
  lines = [
    `${['azure-iothub', 'azure-iot-device', 'azure-iot-device-amqp', 'rhea'].map(version).join(', ')}`,
    'with the local hub as gateway v2: > is what the SDK sent, < what it received,',
    'each with the name of the frame and all its bytes. Signatures are masked by x.',
  ].map((line) => `# ${line}`);
  const after = [];
  await run(new World('v2', 'Amqp'), { after: (f) => after.push(f), signal: AbortSignal.timeout(30_000) });
  for (const f of after.reverse()) await f();
  fs.writeFileSync(path.join(process.argv[2], file), `${lines.join('\n')}\n`);
}

(async () => {
  await record('service.txt', recordService);
  await record('device.txt', recordDevice);
  process.exit();
})();
