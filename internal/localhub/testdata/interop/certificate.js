'use strict';
// A device logs in with a certificate instead of a token.
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { Client } = require('azure-iot-device');
const { message } = require('./world');

module.exports = (world, it) => {
  // bearer is a client of the device id that presents the certificate.
  async function bearer(id) {
    const client = Client.fromConnectionString(`HostName=${world.host};DeviceId=${id};x509=true`, world.transports.device);
    await client.setOptions({ cert: fs.readFileSync('cert.pem', 'utf8'), key: fs.readFileSync('key.pem', 'utf8') });
    return client;
  }
  const registered = `${world.transport}-x509`;

  it('azure-iothub → azure-iot-device: with a certificate', async (t) => {
    const service = await world.service(t);
    const feedback = await world.feedback(t, service);
    const device = await world.device(t, registered, await bearer(registered));
    const messageId = `${registered}-1`;
    await service.send(registered, message('hello', { messageId, ack: 'full' }));
    const m = await device.next();
    assert.equal(m.getData().toString(), 'hello');
    await device.complete(m);
    assert.equal((await feedback(messageId)).statusCode, 'Success');
  });

  it('azure-iot-device: certificate of another device', async (t) => {
    const id = world.newDevice();
    const client = await bearer(id);
    // Over MQTT it is not even let in.
    await assert.rejects(async () => (await world.device(t, id, client)).next(), { name: 'UnauthorizedError' });
  });
};
