'use strict';
// The back end purges what waits for a device, by the SDK's own REST clients.
const assert = require('node:assert/strict');
const { promisify } = require('node:util');
const { IoTHubTokenCredentials, SharedAccessSignature, versionQueryString } = require('azure-iothub');
const { IotHubGatewayServiceAPIs } = require('azure-iothub/dist/pl/iotHubGatewayServiceAPIs');
const { RestApiClient } = require('azure-iothub/dist/common-http/rest_api_client');
const { message } = require('./world');

module.exports = (world, it) => {
  const purge = (id) => new IotHubGatewayServiceAPIs(
    new IoTHubTokenCredentials(world.serviceString()), { baseUri: `https://${world.host}` },
  ).cloudToDeviceMessages.purgeCloudToDeviceMessageQueue(id);

  it('azure-iothub → azure-iothub: purge, feedback Purged', async (t) => {
    const id = world.newDevice();
    const service = await world.service(t);
    const feedback = await world.feedback(t, service);
    for (const n of [1, 2]) await service.send(id, message('', { messageId: `${id}-${n}`, ack: 'full' }));
    const { totalMessagesPurged, deviceId, moduleId } = await purge(id);
    assert.deepEqual([totalMessagesPurged, deviceId, moduleId], [2, id, null]);
    for (const n of [1, 2]) assert.equal((await feedback(`${id}-${n}`)).statusCode, 'Purged');
  });

  it('send-c2d → azure-iothub: purge, feedback Purged', async (t) => {
    const id = world.newDevice();
    const sent = world.sendC2D(t, id, ['--message-id', id, 'hello']);
    while ((await purge(id)).totalMessagesPurged === 0); // it has not arrived yet
    const result = await sent;
    assert.equal(result.code, 5, result.err);
    assert.deepEqual(result.of('feedback').map((e) => [e.messageId, e.status]), [[id, 'Purged']]);
  });

  // This client makes the SDK's errors of what it is told.
  function purgeAs(policy, id) {
    const token = SharedAccessSignature.create(world.host, policy, world.key, Math.floor(Date.now() / 1000) + 60);
    const client = new RestApiClient({ host: 'localhost', sharedAccessSignature: token.toString() }, 'interop');
    return promisify(client.executeApiCall.bind(client))(
      'DELETE', `/devices/${id}/commands${versionQueryString()}`, null, null, undefined, { port: world.port });
  }
  it('azure-iothub: purge of an unknown device', () =>
    assert.rejects(purgeAs('service', 'nobody'), { name: 'DeviceNotFoundError' }));
  it('azure-iothub: purge without ServiceConnect', () =>
    assert.rejects(purgeAs('device', world.newDevice()), { name: 'UnauthorizedError' }));
};
