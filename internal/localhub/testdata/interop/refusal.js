'use strict';
// What the hub refuses, and the error that the SDK makes of it.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const { Client: ServiceClient, SharedAccessSignature } = require('azure-iothub');
const { Client: DeviceClient, SharedAccessSignatureAuthenticationProvider } = require('azure-iot-device');
const { message } = require('./world');

const wrongKey = Buffer.from('not the key of this local hub...').toString('base64');
const unauthorized = { name: 'UnauthorizedError' };
const inSeconds = (n) => Math.floor(Date.now() / 1000) + n;
const longAgo = inSeconds(-3600); // beyond what the hub allows clocks to differ

module.exports = (world, it) => {
  const { service: ServiceTransport, device: DeviceTransport } = world.transports;
  const service = (settings) => ServiceClient.fromConnectionString(world.serviceString(settings), ServiceTransport);
  const device = (id, settings) => DeviceClient.fromConnectionString(world.deviceString(id, settings), DeviceTransport);
  const path = (id) => encodeURIComponent(`${world.host}/devices/${id}`);
  const token = (resource, policy, expiry) =>
    SharedAccessSignature.create(resource, policy, world.key, expiry).toString();
  // impostor is a client of the device id that presents another's token.
  const impostor = (deviceId, sharedAccessSignature) => DeviceClient.fromAuthenticationProvider(
    new SharedAccessSignatureAuthenticationProvider({ host: world.host, deviceId, sharedAccessSignature }), DeviceTransport);

  // refused checks that client cannot open, and that closing it still works.
  async function refused(client, message = /./) {
    // The service client wraps what goes wrong while it connects.
    await assert.rejects(client.open().catch((err) => { throw err.amqpError ?? err; }), { ...unauthorized, message });
    await client.close();
  }

  it('azure-iothub: wrong key', () => refused(service({ key: wrongKey })));
  it('azure-iothub: unknown policy', () => refused(service({ policy: 'nobody' })));
  it('azure-iothub: expired token', () => refused(
    ServiceClient.fromSharedAccessSignature(token(world.host, 'service', longAgo), ServiceTransport)));
  it('azure-iothub: policy without ServiceConnect, sending', async (t) => {
    const client = await world.service(t, service({ policy: 'device' }));
    await assert.rejects(client.send(world.newDevice(), message('')), unauthorized);
  });
  it('azure-iothub: policy without ServiceConnect, feedback', async (t) => {
    const client = await world.service(t, service({ policy: 'device' }));
    const lost = once(client, 'disconnect');
    await client.getFeedbackReceiver(); // the SDK takes the attach for a yes
    const [{ reason }] = await lost;
    assert.equal(reason.condition, 'amqp:unauthorized-access');
  });

  it('azure-iot-device: wrong key', () => refused(device(world.newDevice(), { key: wrongKey })));
  it('azure-iot-device: unknown device', () => refused(device('nobody'),
    /Device nobody at IotHub localhost not registered/));
  it('azure-iot-device: expired token', () => {
    const id = world.newDevice();
    return refused(impostor(id, token(path(id), null, longAgo)));
  });

  // linksRefused checks that a client may connect, but do nothing.
  async function linksRefused(t, client) {
    await world.device(t, undefined, client);
    await assert.rejects(client.next(), unauthorized);
    await assert.rejects(client.sendEvent(message('')), unauthorized);
  }
  it('azure-iot-device: token of another device', (t) =>
    linksRefused(t, impostor(world.newDevice(), token(path(world.newDevice()), null, inSeconds(60)))));
  it('azure-iot-device: policy without DeviceConnect', (t) =>
    linksRefused(t, impostor(world.newDevice(), token(world.host, 'service', inSeconds(60)))));

  it('azure-iothub: unknown device', async (t) => {
    const client = await world.service(t);
    await assert.rejects(client.send('nobody', message('')), { name: 'DeviceNotFoundError' });
    await client.send(world.newDevice(), message('the link has survived'));
  });

  it('azure-iothub: queue full at the 51st message', async (t) => {
    const id = world.newDevice();
    const client = await world.service(t);
    for (let n = 1; n <= 50; n++) await client.send(id, message(String(n)));
    await assert.rejects(client.send(id, message('51')), { name: 'DeviceMaximumQueueDepthExceededError' });
    const drain = await world.simulatedDevice(t, id, '--count', '50');
    assert.deepEqual((await drain.ended).of('message').map((e) => Number(e.payload)), Array.from({ length: 50 }, (_, i) => i + 1));
    await client.send(id, message('there is room again'));
  });

  it('azure-iothub: message too large', async (t) => {
    const id = world.newDevice();
    const client = await world.service(t);
    const tooLarge = { name: 'MessageTooLargeError' };
    await client.send(id, message(Buffer.alloc(65_000))); // properties count as well
    await assert.rejects(client.send(id, message(Buffer.alloc(65_537))), tooLarge);
    await assert.rejects(client.send(id, message(Buffer.alloc(65_000), {}, { long: 'x'.repeat(600) })), tooLarge);
    await client.send(id, message('the link has survived'));
  });
};
