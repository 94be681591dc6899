'use strict';
// What else the SDK's device client does besides receiving.
const assert = require('node:assert/strict');
const { message } = require('./world');

module.exports = (world, it) => {
  it('azure-iot-device: telemetry is accepted', async (t) => {
    const device = await world.device(t, world.newDevice());
    const telemetry = [
      message('23.4 °C', { messageId: 'one', contentType: 'text/plain' }, { unit: 'Celsius' }),
      ...Array.from({ length: 20 }, (_, i) => message(Buffer.alloc(1000, i))),
      message(Buffer.alloc(200_000)), // several frames
    ];
    for (const result of await Promise.all(telemetry.map((m) => device.sendEvent(m)))) {
      assert.equal(result.constructor.name, 'MessageEnqueued');
    }
  });

  it('azure-iot-device: a second receiver displaces the first', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    const feedback = await world.feedback(t, service);
    const [first, second] = [await world.device(t, id), await world.device(t, id)];
    const received1 = first.next();
    await service.send(id, message('for the first', { messageId: id, ack: 'full' }));
    await first.complete(await received1);
    await feedback(id); // the SDK does not wait until the hub knows
    const lost = assert.rejects(first.next(), ({ amqpError }) => {
      assert.equal(amqpError.condition, 'amqp:link:stolen');
      assert.match(amqpError.description, /Another receiver has connected for this device/);
      return true;
    });
    const received2 = second.next();
    await lost;
    await service.send(id, message('for the second'));
    assert.equal((await received2).getData().toString(), 'for the second');
    await second.complete(await received2);
  });

  it('azure-iot-device: twin requests fail, no method is called, messages go on', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    const device = await world.device(t, id);
    const first = device.next();
    await assert.rejects(device.getTwin(), ({ amqpError }) => {
      assert.equal(amqpError.name, 'TwinRequestError');
      assert.match(amqpError.message, /does not emulate twins/);
      return true;
    });
    device.onDeviceMethod('reboot', () => assert.fail('called'));
    for (const body of ['still here', 'and here']) {
      await service.send(id, message(body));
      const m = await (body === 'still here' ? first : device.next());
      assert.equal(m.getData().toString(), body);
      await device.complete(m);
    }
  });
};
