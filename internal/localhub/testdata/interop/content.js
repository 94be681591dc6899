'use strict';
// What is in a message arrives as it was sent, both ways.
const assert = require('node:assert/strict');
const { message } = require('./world');

const uuid = '5d1e0a2e-7f0c-4a35-9d61-0a1b2c3d4e5f'; // the SDK sends it as AMQP's type uuid
const everyByte = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
const bodies = {
  'no bytes': Buffer.alloc(0),
  'every byte': everyByte,
  'text beyond ASCII': Buffer.from('grüß Gott, 你好, 👋'),
  '60,000 bytes': Buffer.alloc(60_000, everyByte), // more than a packet
};
const properties = { Property: 'PropMsg_0', 'odd!#$%&\'*+-.^_`|~': 'x y=z;&%41', empty: '' };

module.exports = (world, it) => {
  it('azure-iothub → azure-iot-device: all fields', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    const feedback = await world.feedback(t, service);
    const device = await world.device(t, id);
    const expiryTimeUtc = Date.now() + 3_600_000;
    await service.send(id, message('{}', {
      messageId: uuid, correlationId: 'correlation_0', contentType: 'application/json',
      contentEncoding: 'utf-8', ack: 'full', expiryTimeUtc,
    }, properties));
    const m = await device.next();
    assert.deepEqual(
      [m.messageId, m.correlationId, m.contentType, m.contentEncoding, m.ack, m.expiryTimeUtc],
      [uuid, 'correlation_0', 'application/json', 'utf-8', 'full', expiryTimeUtc]);
    assert.match(m.to, new RegExp(`^/devices/${id}/messages/devicebound$`, 'i'));
    assert.deepEqual(Object.fromEntries(m.properties.propertyList.map((p) => [p.key, p.value])), properties);
    const stamps = m.transportObj.message_annotations;
    assert.equal(stamps['x-opt-sequence-number'], 1);
    assert.equal(stamps['iothub-deliverycount'], 0);
    assert.ok(Math.abs(stamps['iothub-enqueuedtime'] - Date.now()) < 60_000);
    await device.complete(m);
    assert.equal((await feedback(uuid)).deviceId, id);
  });

  it('azure-iothub → simulated-device: all fields', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    const device = await world.simulatedDevice(t, id, '--count', '1');
    const expiryTimeUtc = Date.now() + 3_600_000;
    await service.send(id, message('{}', {
      messageId: uuid, correlationId: uuid, contentType: 'application/json', contentEncoding: 'utf-8', expiryTimeUtc,
    }, properties));
    const [e] = (await device.ended).of('message');
    assert.deepEqual(
      [e.deviceId, e.messageId, e.correlationId, e.contentType, e.contentEncoding, Date.parse(e.expiryTimeUtc)],
      [id, uuid, uuid, 'application/json', 'utf-8', expiryTimeUtc]);
    assert.deepEqual(e.properties, properties);
  });

  it('send-c2d → azure-iot-device: all fields', async (t) => {
    const id = world.newDevice();
    const device = await world.device(t, id);
    const expiry = Date.now() + 3_600_000;
    const sent = world.sendC2D(t, id, [
      '--message-id', uuid, '--correlation-id', 'correlation_0', '--user-id', 'ursula',
      '--content-type', 'application/json', '--content-encoding', 'utf-8', '--expiry', String(expiry),
      ...Object.entries(properties).flatMap(([name, value]) => ['-p', `${name}=${value}`]), '{}']);
    const m = await device.next();
    assert.deepEqual(
      [m.messageId, m.correlationId, m.contentType, m.contentEncoding, m.ack, m.expiryTimeUtc],
      [uuid, 'correlation_0', 'application/json', 'utf-8', 'full', expiry]);
    assert.equal(m.transportObj.user_id.toString(), 'ursula'); // the SDK's own message has no user id
    assert.deepEqual(Object.fromEntries(m.properties.propertyList.map((p) => [p.key, p.value])), properties);
    await device.complete(m);
    assert.equal((await sent).code, 0);
  });

  it('azure-iothub → azure-iot-device: bodies bit for bit', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    const device = await world.device(t, id);
    for (const [name, body] of Object.entries(bodies)) {
      await service.send(id, message(body));
      const m = await device.next();
      assert.ok(body.equals(m.getData()), name);
      await device.complete(m);
    }
  });

  it('azure-iothub → simulated-device: bodies bit for bit', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    const device = await world.simulatedDevice(t, id, '--count', String(Object.keys(bodies).length));
    for (const body of Object.values(bodies)) await service.send(id, message(body));
    const events = (await device.ended).of('message');
    Object.entries(bodies).forEach(([name, body], i) => {
      assert.ok(body.equals(Buffer.from(events[i].payload, events[i].payloadEncoding)), name);
    });
  });

  it('send-c2d → azure-iot-device: bodies bit for bit', async (t) => {
    const id = world.newDevice();
    const device = await world.device(t, id);
    for (const [name, body] of Object.entries(bodies)) {
      const sent = world.sendC2D(t, id, ['-f', '-'], body);
      const m = await device.next();
      assert.ok(body.equals(m.getData()), name);
      await device.complete(m);
      assert.equal((await sent).code, 0, name);
    }
  });
};
