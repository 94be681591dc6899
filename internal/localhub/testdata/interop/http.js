'use strict';
// A device that does without a connection: it asks for its messages by HTTP.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { once } = require('node:events');
const { Client } = require('azure-iot-device');
const { message } = require('./world');

module.exports = (world, it) => {
  // open opens the SDK's client. Its next() waits for the next message.
  async function open(t, connectionString, options) {
    const client = Client.fromConnectionString(connectionString, world.transports.device);
    await client.setOptions({ ...options, http: { receivePolicy: { interval: 1 } } });
    client.on('error', () => {});
    await client.open();
    t.after(() => client.close());
    client.next = async () => (await once(client, 'message'))[0];
    return client;
  }
  const device = (t, id) => open(t, world.deviceString(id));

  for (const [settle, status] of [['complete', 'Success'], ['reject', 'Rejected']]) {
    it(`azure-iothub → azure-iot-device: ${settle}`, async (t) => {
      const id = world.newDevice();
      const service = await world.service(t);
      const feedback = await world.feedback(t, service);
      await service.send(id, message('hällo', { messageId: id, correlationId: 'c', ack: 'full' }, { name: 'value' }));
      const client = await device(t, id);
      const m = await client.next();
      assert.equal(m.getData().toString(), 'hällo');
      assert.deepEqual([m.messageId, m.correlationId, m.to], [id, 'c', `/devices/${id}/messages/devicebound`]);
      assert.deepEqual(m.properties.propertyList, [{ key: 'iothub-app-name', value: 'value' }]);
      await client[settle](m);
      assert.equal((await feedback(id)).statusCode, status);
    });
  }

  it('azure-iothub → azure-iot-device: abandon', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    await service.send(id, message('again'));
    const client = await device(t, id);
    const first = await client.next();
    await client.abandon(first);
    const second = await client.next();
    assert.notEqual(second.lockToken, first.lockToken);
    await client.complete(second);
    await assert.rejects(client.complete(first));
  });

  it('azure-iot-device: telemetry is accepted', async (t) => {
    const client = await device(t, world.newDevice());
    await client.sendEvent(message('23.4', {}, { unit: 'Celsius' }));
    await client.sendEventBatch([message('1'), message('2')]);
  });

  it('azure-iothub → azure-iot-device: with a certificate', async (t) => {
    const id = `${world.transport}-x509`;
    const service = await world.service(t);
    await service.send(id, message('hello'));
    const client = await open(t, `HostName=localhost;DeviceId=${id};x509=true`,
      { cert: fs.readFileSync('cert.pem', 'utf8'), key: fs.readFileSync('key.pem', 'utf8') });
    const m = await client.next();
    assert.equal(m.getData().toString(), 'hello');
    await client.complete(m);
  });

  it('azure-iot-device: wrong key', async (t) => {
    const client = await open(t, world.deviceString(world.newDevice(), { key: Buffer.from('wrong').toString('base64') }));
    await assert.rejects(client.sendEvent(message('')), { name: 'UnauthorizedError' });
  });
};
