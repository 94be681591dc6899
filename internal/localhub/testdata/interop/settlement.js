'use strict';
// What a device does with a message, and what its sender is told.
const assert = require('node:assert/strict');
const { message } = require('./world');

module.exports = (world, it) => {
  // sdk opens both of the SDK's clients and a reader of feedback.
  async function sdk(t) {
    const id = world.newDevice();
    const service = await world.service(t);
    const feedback = await world.feedback(t, service);
    return { id, service, feedback, device: await world.device(t, id) };
  }

  for (const [settle, status] of [['complete', 'Success'], ['reject', 'Rejected']]) {
    it(`azure-iothub → azure-iot-device: ${settle}, feedback ${status}`, async (t) => {
      const { id, service, feedback, device } = await sdk(t);
      await service.send(id, message('hello', { messageId: id, ack: 'full' }));
      const m = await device.next();
      assert.equal(m.getData().toString(), 'hello');
      await device[settle](m);
      const { enqueuedTimeUtc, deviceGenerationId, ...record } = await feedback(id);
      assert.deepEqual(record, { originalMessageId: id, deviceId: id, description: status, statusCode: status });
      assert.ok(Math.abs(Date.parse(enqueuedTimeUtc) - Date.now()) < 60_000, enqueuedTimeUtc);
      assert.match(deviceGenerationId, /^\d{18}$/);
    });

    it(`azure-iothub → simulated-device: ${settle}, feedback ${status}`, async (t) => {
      const id = world.newDevice();
      const service = await world.service(t);
      const feedback = await world.feedback(t, service);
      const device = await world.simulatedDevice(t, id, '--count', '1', '--settle', settle);
      await service.send(id, message('hello', { messageId: id, ack: 'full' }));
      assert.equal((await feedback(id)).statusCode, status);
      const result = await device.ended;
      assert.equal(result.code, 0, result.err);
      assert.deepEqual(result.of('message').map((e) => [e.payload, e.settlement]), [['hello', settle]]);
    });

    it(`send-c2d → azure-iot-device: ${settle}, feedback ${status}`, async (t) => {
      const id = world.newDevice();
      const device = await world.device(t, id);
      const sent = world.sendC2D(t, id, ['--message-id', id, 'hello']);
      await device[settle](await device.next());
      const result = await sent;
      assert.equal(result.code, status === 'Success' ? 0 : 5, result.err);
      assert.deepEqual(result.of('feedback').map((e) => [e.messageId, e.status]), [[id, status]]);
    });
  }

  it('azure-iothub → azure-iot-device: abandon, then complete', async (t) => {
    const { id, service, feedback, device } = await sdk(t);
    await service.send(id, message('again', { messageId: id, ack: 'full' }));
    await device.abandon(await device.next());
    const m = await device.next();
    assert.equal(m.messageId, id);
    assert.equal(m.transportObj.message_annotations['iothub-deliverycount'], 1);
    await device.complete(m);
    assert.equal((await feedback(id)).statusCode, 'Success');
  });

  it('azure-iothub → simulated-device: abandon, then complete', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    const feedback = await world.feedback(t, service);
    await service.send(id, message('again', { messageId: id, ack: 'full' }));
    for (const [settle, count] of [['abandon', 0], ['complete', 1]]) {
      const device = await world.simulatedDevice(t, id, '--count', '1', '--settle', settle);
      const [e] = (await device.ended).of('message');
      assert.deepEqual([e.settlement, e.deliveryCount], [settle, count]);
    }
    assert.equal((await feedback(id)).statusCode, 'Success');
  });

  it('send-c2d → azure-iot-device: abandon, then complete', async (t) => {
    const id = world.newDevice();
    const device = await world.device(t, id);
    const sent = world.sendC2D(t, id, ['again']);
    await device.abandon(await device.next());
    await device.complete(await device.next());
    assert.equal((await sent).code, 0);
  });

  it('azure-iothub → azure-iot-device: feedback Expired', async (t) => {
    const { id, service, feedback, device } = await sdk(t);
    await service.send(id, message('late', { messageId: id, ack: 'full', expiryTimeUtc: Date.now() + 1000 }));
    assert.equal((await feedback(id)).statusCode, 'Expired');
    await service.send(id, message('in time', { messageId: `${id}-2` }));
    const m = await device.next();
    assert.equal(m.messageId, `${id}-2`, 'the expired message is not delivered');
    await device.complete(m);
  });

  it('azure-iothub → azure-iot-device: feedback DeliveryCountExceeded', async (t) => {
    const { id, service, feedback, device } = await sdk(t);
    await service.send(id, message('unwanted', { messageId: id, ack: 'negative' }));
    for (let count = 0; count < 10; count++) {
      const m = await device.next();
      assert.equal(m.transportObj.message_annotations['iothub-deliverycount'], count);
      await device.abandon(m);
    }
    assert.equal((await feedback(id)).statusCode, 'DeliveryCountExceeded');
  });

  it('azure-iothub → azure-iot-device: each ack mode hears of its outcomes only', async (t) => {
    const { id, service, feedback, device } = await sdk(t);
    const heard = {};
    for (const settle of ['complete', 'reject']) {
      for (const ack of [undefined, 'none', 'positive', 'negative', 'full']) {
        const messageId = `${id}-${settle}-${ack}`;
        await service.send(id, message('', { messageId, ack }));
        await device[settle](await device.next());
        heard[messageId] = ack === 'full' || ack === (settle === 'complete' ? 'positive' : 'negative');
      }
      await feedback(`${id}-${settle}-full`); // the last one: all before it have been told
    }
    for (const [messageId, expected] of Object.entries(heard)) {
      assert.equal(feedback.records.has(messageId), expected, messageId);
    }
  });
};
