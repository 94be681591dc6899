'use strict';
// The back end makes, changes and deletes devices, by the SDK's Registry.
const assert = require('node:assert/strict');
const { NoRetry } = require('azure-iot-common');
const { Registry } = require('azure-iothub');
const { Client } = require('azure-iot-device');
const { message } = require('./world');

module.exports = (world, it) => {
  // The SDK takes no port for REST.
  const registry = (policy = 'registryReadWrite') =>
    Registry.fromConnectionString(world.serviceString({ policy, host: 'localhost' }));
  let made = 0;
  const newID = () => `${world.transport}-made-${++made}`;
  const get = async (id) => (await registry().get(id)).responseBody;
  const create = async (device) => (await registry().create(device)).responseBody;
  // A client that is cut off is told at once: by itself it would try for minutes.
  const client = (id, key) => {
    const made = Client.fromConnectionString(world.deviceString(id, { key }), world.transports.device);
    made.setRetryPolicy(new NoRetry());
    return made;
  };
  const device = (t, id, key) => world.device(t, id, client(id, key));
  const keysOf = (d) => [d.authentication.symmetricKey.primaryKey, d.authentication.symmetricKey.secondaryKey];

  it('azure-iothub → azure-iot-device: a device that is made, used, disabled and deleted', async (t) => {
    const id = newID();
    const identity = await create({ deviceId: id });
    assert.equal(identity.status, 'enabled');
    const service = await world.service(t);
    const feedback = await world.feedback(t, service);
    const send = (n) => service.send(id, message(n, { messageId: `${id}-${n}`, ack: 'full' }));

    // Either key lets it in.
    let current;
    for (const [n, key] of keysOf(identity).entries()) {
      current = await device(t, id, key);
      const received = current.next(); // over MQTT the SDK loses what comes before
      await send(`${n}`);
      const m = await received;
      assert.equal(m.getData().toString(), `${n}`);
      await current.complete(m);
      const record = await feedback(`${id}-${n}`);
      assert.deepEqual([record.statusCode, record.deviceGenerationId], ['Success', identity.generationId]);
      assert.equal((await get(id)).connectionState, 'Connected');
      if (n === 0) await current.close();
    }

    const lost = assert.rejects(current.next());
    const disabled = (await registry().update({ deviceId: id, status: 'disabled', statusReason: 'lost' })).responseBody;
    assert.deepEqual([disabled.status, disabled.statusReason, ...keysOf(disabled)], ['disabled', 'lost', ...keysOf(identity)]);
    await lost;
    for (const key of keysOf(identity)) {
      await assert.rejects(client(id, key).open(), { name: 'UnauthorizedError' });
    }
    assert.equal((await get(id)).connectionState, 'Disconnected');
    await send('last');
    assert.equal((await get(id)).cloudToDeviceMessageCount, 1);

    await registry().delete(id);
    assert.equal((await feedback(`${id}-last`)).statusCode, 'Purged');
    await assert.rejects(get(id), { name: 'DeviceNotFoundError' });
    await assert.rejects(service.send(id, message('')), { name: 'DeviceNotFoundError' });
    await assert.rejects(client(id, keysOf(identity)[0]).open(), { name: 'UnauthorizedError' });
    const again = await create({ deviceId: id });
    assert.notEqual(again.generationId, identity.generationId);
    assert.equal(again.cloudToDeviceMessageCount, 0);
  });

  it('azure-iothub → azure-iot-device: other keys', async (t) => {
    const id = newID();
    const [primaryKey, secondaryKey] = ['0123456789abcdef', 'fedcba9876543210'].map((k) => Buffer.from(k).toString('base64'));
    const identity = await create({ deviceId: id, authentication: { symmetricKey: { primaryKey } } });
    assert.equal(keysOf(identity)[0], primaryKey);
    const current = await device(t, id, keysOf(identity)[1]);
    const lost = assert.rejects(current.next());
    await registry().update({ ...identity, authentication: { type: 'sas', symmetricKey: { primaryKey, secondaryKey } } });
    await lost;
    const service = await world.service(t);
    const renewed = await device(t, id, secondaryKey);
    const received = renewed.next();
    await service.send(id, message('hello'));
    await renewed.complete(await received);
  });

  it('azure-iothub → azure-iot-device: a module', async (t) => {
    const id = world.newDevice();
    await registry().addModule({ deviceId: id, moduleId: 'mod' });
    const { responseBody: module } = await registry().getModule(id, 'mod');
    const service = await world.service(t);
    await service.send(id, message('for the device'));
    const { responseBody: list } = await registry().getModulesOnDevice(id);
    assert.deepEqual(list.map((m) => [m.moduleId, m.deviceId, m.cloudToDeviceMessageCount]), [['mod', id, 0]]);
    assert.equal((await registry().getModuleTwin(id, 'mod')).responseBody.moduleId, 'mod');
    await registry().removeModule(id, 'mod');
    await assert.rejects(registry().getModule(id, 'mod'));
    assert.notEqual(keysOf(module)[0], keysOf(module)[1]);
  });

  it('azure-iothub: many devices at once', async () => {
    const ids = Array.from({ length: 100 }, newID);
    const done = (answer) => assert.deepEqual(answer.responseBody, { isSuccessful: true, errors: [], warnings: [] });
    done(await registry().addDevices(ids.map((deviceId) => ({ deviceId }))));
    done(await registry().updateDevices(ids.map((deviceId) => ({ deviceId, status: 'disabled' })), true));
    const etags = await Promise.all(ids.slice(0, 2).map(async (deviceId) => ({ deviceId, etag: (await get(deviceId)).etag })));
    done(await registry().removeDevices(etags, false));
    await assert.rejects(registry().removeDevices(etags, true), { name: 'ArgumentError' });

    const { responseBody: all } = await registry().list();
    const listed = new Map(all.map((d) => [d.deviceId, d.status]));
    assert.deepEqual(ids.filter((id) => listed.get(id) === 'disabled'), ids.slice(2));
    const query = registry().createQuery(`SELECT * FROM devices WHERE status = 'disabled' AND deviceId IN ['${ids.join("','")}']`, 40);
    const found = [];
    while (query.hasMoreResults) {
      const { result } = await query.nextAsTwin();
      found.push(...result.map((twin) => twin.deviceId));
    }
    assert.deepEqual(found.sort(), ids.slice(2).sort());
    const { responseBody: counts } = await registry().getRegistryStatistics();
    assert.equal(counts.totalDeviceCount, counts.enabledDeviceCount + counts.disabledDeviceCount);
    assert.ok(counts.disabledDeviceCount >= 98);
    done(await registry().removeDevices(ids.slice(2).map((deviceId) => ({ deviceId })), true));
  });

  it('azure-iothub: what the registry refuses', async () => {
    const id = newID();
    await create({ deviceId: id });
    await assert.rejects(create({ deviceId: id }), { name: 'DeviceAlreadyExistsError' });
    await assert.rejects(create({ deviceId: 'invalid/name' }), { name: 'ArgumentError' });
    await assert.rejects(create({ deviceId: newID(), authentication: { x509Thumbprint: { primaryThumbprint: 'x' } } }), { name: 'ArgumentError' });
    await assert.rejects(registry().update({ deviceId: 'nobody' }), { name: 'DeviceNotFoundError' });
    await assert.rejects(registry().delete('nobody'), { name: 'DeviceNotFoundError' });
    await assert.rejects(registry().createQuery('SELECT nothing').next(), { name: 'ArgumentError' });
    await assert.rejects(registry('service').get(id), { name: 'UnauthorizedError' });
    await assert.rejects(registry('registryRead').delete(id), { name: 'UnauthorizedError' });
    assert.equal((await registry('registryRead').get(id)).responseBody.deviceId, id);
  });
};
