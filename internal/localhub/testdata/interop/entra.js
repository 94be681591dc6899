'use strict';
// The back end logs in with Microsoft Entra ID: the SDK's clients take a credential,
// which here signs its tokens itself, as the hub's --jwt-key wants it.
const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const { Client, Registry } = require('azure-iothub');
const { message } = require('./world');

// credential is a TokenCredential of @azure/identity. It counts the tokens that it is
// asked for; each lives for some seconds.
function credential(claims = {}, life = 3600) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const made = {
    tokens: 0,
    async getToken(scope) {
      made.tokens++;
      assert.equal(scope, 'https://iothubs.azure.net/.default');
      const now = Math.floor(Date.now() / 1000);
      const text = `${part({ alg: 'RS256', typ: 'JWT' })}.${part({
        aud: 'https://iothubs.azure.net', nbf: now, exp: now + life, roles: ['IoT Hub Data Contributor'], ...claims,
      })}`;
      const signature = crypto.sign('RSA-SHA256', Buffer.from(text), fs.readFileSync('entra.pem'));
      return { token: `${text}.${signature.toString('base64url')}`, expiresOnTimestamp: Date.now() + life * 1000 };
    },
  };
  return made;
}

module.exports = (world, it) => {
  const client = (...args) => Client.fromTokenCredential(world.host, credential(...args), world.transports.service);
  // The SDK takes no port for REST.
  const registry = (...args) => Registry.fromTokenCredential('localhost', credential(...args));

  it('azure-iothub with Entra ID → azure-iot-device: feedback Success', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t, client());
    const feedback = await world.feedback(t, service);
    const receiver = await world.device(t, id);
    const received = receiver.next();
    await service.send(id, message('hello', { messageId: id, ack: 'full' }));
    const m = await received;
    assert.equal(m.getData().toString(), 'hello');
    await receiver.complete(m);
    assert.equal((await feedback(id)).statusCode, 'Success');
  });

  it('azure-iothub with Entra ID: tokens are renewed', async (t) => {
    const id = world.newDevice();
    const short = credential({}, 1.2);
    const service = await world.service(t, Client.fromTokenCredential(world.host, short, world.transports.service));
    while (short.tokens < 3) {
      await service.send(id, message('hello'));
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    await service.send(id, message('at last'));
  });

  it('azure-iothub with Entra ID: the registry', async () => {
    const id = world.newDevice();
    const { responseBody: device } = await registry().get(id);
    assert.deepEqual([device.deviceId, device.cloudToDeviceMessageCount], [id, 0]);
    const reader = { roles: ['IoT Hub Data Reader'] };
    assert.equal((await registry(reader).get(id)).responseBody.deviceId, id);
    await assert.rejects(registry(reader).delete(id), { name: 'UnauthorizedError' });
  });

  for (const [what, claims, life] of [
    ['for something else', { aud: 'https://management.azure.com' }],
    ['without a role', { roles: [] }],
    ['that is over', {}, -3600],
  ]) {
    it(`azure-iothub with Entra ID: a token ${what}`, async () => {
      const refused = client(claims, life);
      await assert.rejects(refused.open(), (err) => err.amqpError?.name === 'UnauthorizedError');
      await refused.close();
      await assert.rejects(registry(claims, life).get(world.newDevice()), { name: 'UnauthorizedError' });
    });
  }
};
