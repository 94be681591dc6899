'use strict';
// A world is one hub, and the way to reach it: everything a test needs. What
// it opens is closed when the test ends.
const { once, on } = require('node:events');
const fs = require('node:fs');
const { NoRetry } = require('azure-iot-common');
const service = require('azure-iothub');
const device = require('azure-iot-device');
const transports = {
  Amqp: { service: service.Amqp, device: require('azure-iot-device-amqp').Amqp },
  AmqpWs: { service: service.AmqpWs, device: require('azure-iot-device-amqp').AmqpWs },
  // MQTT is for devices only, as is HTTP when it comes to messages.
  Mqtt: { service: service.AmqpWs, device: require('azure-iot-device-mqtt').Mqtt },
  MqttWs: { service: service.AmqpWs, device: require('azure-iot-device-mqtt').MqttWs },
  Http: { service: service.AmqpWs, device: require('azure-iot-device-http').Http },
};
const { runTool } = require('./tool');

class World {
  // gateway names the hub by the settings that it printed; see .ci/interop.
  constructor(gateway, transport) {
    const [, port, key] = fs.readFileSync(`${gateway}.env`, 'utf8')
      .match(/IOTHUB_CONNECTION_STRING=.*HostName=[^;]*:(\d+);.*SharedAccessKey=([^;"]+)/);
    Object.assign(this, { port, key, transport, devices: 0 });
    this.tcpHost = `localhost:${port}`;
    // The SDK takes a port from the host name over AMQP on TCP, but not otherwise.
    this.host = transport === 'Amqp' ? this.tcpHost : 'localhost';
    this.protocol = transport === 'Amqp' ? 'amqp' : 'amqp-ws';
    this.transports = transports[transport];
  }

  // newDevice returns a registered device that no other test uses.
  newDevice() { return `${this.transport}-${++this.devices}`; }

  serviceString({ host = this.host, policy = 'service', key = this.key } = {}) {
    return `HostName=${host};SharedAccessKeyName=${policy};SharedAccessKey=${key}`;
  }

  deviceString(id, { host = this.host, key = this.key } = {}) {
    return `HostName=${host};DeviceId=${id};SharedAccessKey=${key}`;
  }

  // service opens the SDK's service client.
  async service(t, client = service.Client.fromConnectionString(this.serviceString(), this.transports.service)) {
    t.after(() => client.close());
    await client.open();
    return client;
  }

  // device opens the SDK's device client. The client's next() waits for its next
  // message, and fails if the client loses its connection: the SDK gives it up
  // when the hub detaches one of its links.
  async device(t, id, client = device.Client.fromConnectionString(this.deviceString(id), this.transports.device)) {
    t.after(() => client.close());
    client.on('error', () => {});
    client.on('disconnect', (event) => client.emit('error', event.transportObj));
    if (this.transport.startsWith('Mqtt')) {
      client.setRetryPolicy(new NoRetry()); // else it fights for its place, and against refusals
      // A session that is taken up brings messages at once. The SDK loses those that
      // nobody listens for.
      client.messages = on(client, 'message');
    }
    await client.open();
    client.next = async () => {
      client.messages ??= on(client, 'message'); // this attaches the link
      return (await client.messages.next()).value[0];
    };
    return client;
  }

  // feedback reads delivery feedback by the SDK. The function that it returns
  // waits for the record of a message.
  async feedback(t, client) {
    const { result: receiver } = await client.getFeedbackReceiver();
    const records = new Map();
    receiver.on('message', (m) => {
      for (const r of JSON.parse(m.getData())) records.set(r.originalMessageId, r);
      receiver.emit('records');
    });
    const of = async (id) => {
      while (!records.has(id)) await once(receiver, 'records', { signal: t.signal });
      return records.get(id);
    };
    return Object.assign(of, { records });
  }

  // simulatedDevice starts our device. It resolves when the device waits for
  // messages; the result's ended resolves to its events when it is done.
  async simulatedDevice(t, id, ...args) {
    const tool = runTool(t, 'simulated-device', this.toolArgs(args),
      { IOTHUB_DEVICE_CONNECTION_STRING: this.deviceString(id, { host: this.tcpHost }) });
    await tool.says('Waiting for messages');
    return tool;
  }

  // sendC2D runs our sender, which resolves to its events; input is for its
  // standard input.
  sendC2D(t, id, args, input) {
    return runTool(t, 'send-c2d', ['-d', id, ...this.toolArgs(args)],
      { IOTHUB_CONNECTION_STRING: this.serviceString({ host: this.tcpHost }) }, input).ended;
  }

  toolArgs(args) {
    return ['-o', 'json', '-W', '25s', '--protocol', this.protocol,
      '--ca-file', process.env.NODE_EXTRA_CA_CERTS, ...args];
  }
}

// message makes a message to send by the SDK's service client.
function message(body, fields = {}, properties = {}) {
  const m = Object.assign(new device.Message(body), fields);
  for (const [name, value] of Object.entries(properties)) m.properties.add(name, value);
  return m;
}

module.exports = { World, message };
