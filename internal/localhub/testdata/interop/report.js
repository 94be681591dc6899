'use strict';
// A test reporter for people: a line for each test, why one failed, and at the
// end the table of what was tried.
const packages = ['azure-iothub', 'azure-iot-device', 'azure-iot-device-amqp', 'azure-iot-device-mqtt', 'azure-iot-device-http'];
const transports = ['Amqp', 'AmqpWs', 'Mqtt', 'MqttWs', 'Http'];
const version = (name) => require(`${name}/package.json`).version;

module.exports = async function* report(events) {
  const results = []; // of tests: suite is "gateway v1 Amqp"
  const suites = [];  // by nesting
  for await (const { type, data } of events) {
    if (type === 'test:start') suites[data.nesting] = data.name;
    if (type === 'test:stderr' || type === 'test:stdout') yield data.message;
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const isSuite = data.details.type === 'suite' || data.nesting === 0;
    const failed = type === 'test:fail';
    if (!isSuite) {
      results.push({ suite: suites[0], name: data.name, failed });
      yield `${failed ? 'FAIL' : 'ok  '} ${suites[0]}: ${data.name} (${Math.round(data.details.duration_ms)} ms)\n`;
    }
    const error = data.details.error;
    if (failed && error.failureType !== 'subtestsFailed') yield `${error.cause?.stack ?? error.cause ?? error}\n`;
  }
  yield* table(results);
};

function* table(results) {
  yield '\n| package | version | transport | gateway v1 | gateway v2 |\n|---|---|---|---|---|\n';
  for (const name of packages) {
    // A transport package takes part wherever the device client does, with its own
    // transports.
    const [, who, only = ''] = name.match(/^(azure-iothub|azure-iot-device)-?(.*)$/);
    for (const transport of transports.filter((t) => t.toLowerCase().startsWith(only))) {
      const counts = ['v1', 'v2'].map((gateway) => {
        const mine = results.filter((r) => r.suite === `gateway ${gateway} ${transport}` && r.name.includes(who));
        const failed = mine.filter((r) => r.failed).length;
        if (mine.length === 0) return '';
        return `${mine.length - failed} passed${failed ? `, ${failed} FAILED` : ''}`;
      });
      yield `| ${name} | ${version(name)} | ${transport} | ${counts.join(' | ')} |\n`;
    }
  }
}
