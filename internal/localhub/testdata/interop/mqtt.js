'use strict';
// The SDK's device client over MQTT, which acknowledges each message when it
// arrives, whatever becomes of it then. Back ends use AMQP.
const assert = require('node:assert/strict');
const { NoRetry } = require('azure-iot-common');
const { Client, SharedAccessSignatureAuthenticationProvider } = require('azure-iot-device');
const { Registry, SharedAccessSignature } = require('azure-iothub');
const { message } = require('./world');

const unauthorized = { name: 'UnauthorizedError' };
const wrongKey = Buffer.from('not the key of this local hub...').toString('base64');
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const bodies = { 'no bytes': Buffer.alloc(0), 'every byte': everyByte, '60,000 bytes': Buffer.alloc(60_000, everyByte) };
const properties = { Property: 'PropMsg_0', 'odd!#$%&\'*+-.^_`|~': 'x y=z;&%41 ü', empty: '' };
const seconds = (n) => Math.floor(Date.now() / 1000) + n;

module.exports = (world, it) => {
  // sdk opens both of the SDK's clients and a reader of feedback.
  async function sdk(t, id = world.newDevice()) {
    const service = await world.service(t);
    const feedback = await world.feedback(t, service);
    return { id, service, feedback, device: await world.device(t, id) };
  }
  const fromString = (id, settings) => Client.fromConnectionString(world.deviceString(id, settings), world.transports.device);

  it('azure-iothub → azure-iot-device: complete, feedback Success', async (t) => {
    const { id, service, feedback, device } = await sdk(t);
    for (const n of [1, 2, 3]) await service.send(id, message(`hello ${n}`, { messageId: `${id}-${n}`, ack: 'full' }));
    for (const n of [1, 2, 3]) {
      const m = await device.next();
      assert.equal(m.getData().toString(), `hello ${n}`);
      await device.complete(m);
      assert.equal((await feedback(`${id}-${n}`)).statusCode, 'Success');
    }
  });

  it('send-c2d → azure-iot-device: all fields', async (t) => {
    const id = world.newDevice();
    const device = await world.device(t, id);
    const expiry = new Date(Date.now() + 3_600_000);
    const sent = world.sendC2D(t, id, [
      '--message-id', id, '--correlation-id', 'correlation/0', '--user-id', 'ursula',
      '--content-type', 'application/json', '--content-encoding', 'utf-8', '--expiry', expiry.toISOString(),
      ...Object.entries(properties).flatMap(([name, value]) => ['-p', `${name}=${value}`]), '{}']);
    const m = await device.next();
    assert.deepEqual(
      [m.messageId, m.correlationId, m.userId, m.contentType, m.contentEncoding, m.to],
      [id, 'correlation/0', 'ursula', 'application/json', 'utf-8', `/devices/${id}/messages/devicebound`]);
    assert.equal(Date.parse(m.expiryTimeUtc), expiry.getTime());
    // Over MQTT the SDK takes the ack mode for a property like others.
    assert.deepEqual(Object.fromEntries(m.properties.propertyList.map((p) => [p.key, p.value])), { 'iothub-ack': 'full', ...properties });
    await device.complete(m);
    assert.equal((await sent).code, 0);
  });

  it('azure-iothub → azure-iot-device: bodies bit for bit', async (t) => {
    const { id, service, device } = await sdk(t);
    for (const [name, body] of Object.entries(bodies)) {
      await service.send(id, message(body));
      const m = await device.next();
      assert.ok(body.equals(m.getData()), name);
      await device.complete(m);
    }
  });

  it('azure-iothub → azure-iot-device: queued while the device is away', async (t) => {
    const { id, service, feedback, device } = await sdk(t);
    await service.send(id, message('first', { messageId: `${id}-1`, ack: 'full' }));
    await device.complete(await device.next());
    await feedback(`${id}-1`);
    await device.close();
    await service.send(id, message('second', { messageId: `${id}-2`, ack: 'full' }));
    await device.open();
    const m = await device.next();
    assert.equal(m.getData().toString(), 'second');
    await device.complete(m);
    await feedback(`${id}-2`);
  });

  it('azure-iot-device: the token is renewed by a new connection', async (t) => {
    const { id, service, feedback, device } = await sdk(t);
    await device.setOptions({ tokenRenewal: { tokenValidTimeInSeconds: 4, tokenRenewalMarginInSeconds: 3 } });
    await device.close();
    await device.open();
    for (const n of [1, 2, 3, 4]) {
      const messageId = `${id}-${n}`;
      await service.send(id, message('', { messageId, ack: 'full' }));
      const m = await device.next();
      assert.equal(m.messageId, messageId);
      await device.complete(m);
      await feedback(messageId);
      await new Promise((resolve) => setTimeout(resolve, 700)); // a new one each second
    }
  });

  it('azure-iothub → azure-iot-device: feedback Expired', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    const feedback = await world.feedback(t, service);
    await service.send(id, message('late', { messageId: id, ack: 'full', expiryTimeUtc: Date.now() + 500 }));
    assert.equal((await feedback(id)).statusCode, 'Expired');
    const device = await world.device(t, id);
    await service.send(id, message('in time', { messageId: `${id}-2` }));
    const m = await device.next();
    assert.equal(m.messageId, `${id}-2`, 'the expired message is not delivered');
    await device.complete(m);
  });

  it('azure-iot-device: MQTT can neither abandon nor reject', async (t) => {
    const { id, service, device } = await sdk(t);
    await service.send(id, message('hello'));
    const m = await device.next();
    for (const settle of ['abandon', 'reject']) {
      await assert.rejects(async () => device[settle](m), { name: 'NotImplementedError' });
    }
    await device.complete(m);
  });

  it('azure-iot-device: telemetry is accepted', async (t) => {
    const device = await world.device(t, world.newDevice());
    const telemetry = [
      message('23.4 °C', { messageId: 'one', contentType: 'text/plain' }, { unit: 'Celsius' }),
      ...Array.from({ length: 20 }, (_, i) => message(Buffer.alloc(1000, i))),
      message(Buffer.alloc(200_000)),
    ];
    for (const result of await Promise.all(telemetry.map((m) => device.sendEvent(m)))) {
      assert.equal(result.constructor.name, 'MessageEnqueued');
    }
  });

  it('azure-iot-device: the twin is empty, no method is called, messages go on', async (t) => {
    const { id, service, device } = await sdk(t);
    const twin = await device.getTwin();
    assert.deepEqual([twin.properties.desired.$version, twin.properties.reported.$version], [1, 1]);
    await new Promise((resolve, reject) => {
      twin.properties.reported.update({ on: true }, (err) => (err ? reject(err) : resolve()));
    });
    device.onDeviceMethod('reboot', () => assert.fail('called'));
    await service.send(id, message('still here'));
    const m = await device.next();
    assert.equal(m.getData().toString(), 'still here');
    await device.complete(m);
  });

  it('azure-iot-device: a second client displaces the first', async (t) => {
    const { id, service, device } = await sdk(t);
    const lost = assert.rejects(device.next(), { name: 'NotConnectedError' });
    const second = await world.device(t, id);
    await lost;
    await service.send(id, message('for the second'));
    const m = await second.next();
    assert.equal(m.getData().toString(), 'for the second');
    await second.complete(m);
  });

  it('azure-iot-device, simulated-device: MQTT and AMQP displace each other', async (t) => {
    const { id, service, feedback, device } = await sdk(t);
    const lost = assert.rejects(device.next(), { name: 'NotConnectedError' });
    const other = await world.simulatedDevice(t, id);
    await lost;
    await service.send(id, message('over AMQP', { messageId: `${id}-1`, ack: 'full' }));
    assert.equal((await feedback(`${id}-1`)).statusCode, 'Success');
    const again = await world.device(t, id);
    const received = again.next();
    const { err, of } = await other.ended;
    assert.match(err, /amqp:link:stolen/);
    assert.deepEqual(of('message').map((e) => e.payload), ['over AMQP']);
    await service.send(id, message('over MQTT', { messageId: `${id}-2`, ack: 'full' }));
    assert.equal((await received).getData().toString(), 'over MQTT');
    assert.equal((await feedback(`${id}-2`)).statusCode, 'Success');
  });

  it('azure-iothub → azure-iot-device: a device that is disabled is cut off', async (t) => {
    const id = `${world.newDevice()}-made`;
    const registry = Registry.fromConnectionString(world.serviceString({ policy: 'iothubowner' }));
    const { responseBody: identity } = await registry.create({ deviceId: id });
    const key = identity.authentication.symmetricKey.primaryKey;
    const client = await world.device(t, id, fromString(id, { key }));
    assert.equal((await registry.get(id)).responseBody.connectionState, 'Connected');
    await registry.update({ deviceId: id, status: 'disabled' });
    await assert.rejects(client.next(), { name: 'NotConnectedError' });
    assert.equal((await registry.get(id)).responseBody.connectionState, 'Disconnected');
    await refused(fromString(id, { key }));
    await registry.delete(id);
  });

  // refused checks that a client cannot open, and that closing it still works.
  async function refused(client) {
    client.setRetryPolicy(new NoRetry());
    await assert.rejects(client.open(), unauthorized);
    await client.close();
  }
  const impostor = (deviceId, sharedAccessSignature) => Client.fromAuthenticationProvider(
    new SharedAccessSignatureAuthenticationProvider({ host: world.host, deviceId, sharedAccessSignature }), world.transports.device);
  const token = (id, expiry) =>
    SharedAccessSignature.create(encodeURIComponent(`${world.host}/devices/${id}`), null, world.key, expiry).toString();

  it('azure-iot-device: wrong key', () => refused(fromString(world.newDevice(), { key: wrongKey })));
  it('azure-iot-device: unknown device', () => refused(fromString('nobody')));
  it('azure-iot-device: expired token', () => {
    const id = world.newDevice();
    return refused(impostor(id, token(id, seconds(-3600))));
  });
  it('azure-iot-device: token of another device', () =>
    refused(impostor(world.newDevice(), token(world.newDevice(), seconds(60)))));
};
