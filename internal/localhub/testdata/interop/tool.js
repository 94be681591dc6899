'use strict';
const { spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');

// runTool starts one of our own tools, and stops it when the test ends. Of the
// result, says waits until a text appears on standard error; ended resolves,
// when the tool has ended, to its exit code and the events it has printed.
function runTool(t, name, args, env, input = '') {
  const child = spawn(path.join(process.env.BIN, name), args, { env: { ...process.env, ...env } });
  t.after(() => child.kill('SIGKILL'));
  let out = '', err = '';
  child.stdout.on('data', (b) => { out += b; });
  child.stderr.on('data', (b) => { err += b; });
  child.stdin.on('error', () => {}); // it has ended without reading all: its exit code tells
  child.stdin.end(input);
  const closed = once(child, 'close');
  return {
    async says(text) {
      let over = false;
      closed.then(() => { over = true; });
      while (!err.includes(text)) {
        if (over) throw new Error(`${name} did not say "${text}" but: ${err}`);
        await Promise.race([closed, once(child.stderr, 'data')]);
      }
    },
    ended: closed.then(([code]) => {
      const events = out.split('\n').filter(Boolean).map((line) => JSON.parse(line));
      return { code, err, of: (kind) => events.filter((e) => e.event === kind) };
    }),
  };
}

module.exports = { runTool };
