'use strict';
// A world is one hub, and one browser window that shows its page. What it opens is
// closed when the test ends.
const assert = require('node:assert');
const { execFile, spawn } = require('node:child_process');
const { once } = require('node:events');
const path = require('node:path');
const { promisify } = require('node:util');

const bin = (name) => path.join(process.env.BIN, name);

class World {
  // open starts a hub with the devices and more arguments, and shows its page.
  static async open(t, browser, { devices = ['myFirstDevice'], hash = '', args = [] } = {}) {
    const world = Object.assign(new World(), { t, devices, args, said: [], asked: new Set() });
    await world.startHub('127.0.0.1:0');
    world.context = await browser.createBrowserContext();
    t.after(() => world.context.close());
    world.page = await world.context.newPage();
    world.listen(world.page);
    await world.page.setViewport({ width: 1280, height: 900 });
    await world.page.goto(`http://${world.address}/${hash}`);
    await world.is('#state', 'Live');
    return world;
  }

  // startHub starts the hub; its address is known then.
  async startHub(listen) {
    const devices = this.devices.flatMap((d) => ['--device', d]);
    this.hub = spawn(bin('simulated-device'), ['hub', '--timeout', '5m', '--listen', listen, ...devices, ...this.args], { stdio: ['ignore', 'ignore', 'pipe'] });
    this.t.after(() => this.stopHub());
    let text = '';
    for await (const chunk of this.hub.stderr) {
      text += chunk;
      const ready = text.match(/is ready at (\S+)\.\n/);
      if (ready) {
        this.address = ready[1];
        this.hub.stderr.resume();
        return;
      }
    }
    throw new Error(`the hub does not start: ${text}`);
  }

  async stopHub() {
    if (this.hub.exitCode !== null || this.hub.signalCode !== null) return;
    this.hub.kill('SIGINT');
    await once(this.hub, 'exit');
  }

  // listen takes down what the browser complains about, and whom it asks.
  listen(page) {
    page.on('console', (m) => this.said.push(`${m.type()}: ${m.text()}`));
    page.on('pageerror', (e) => this.said.push(`error: ${e.message}`));
    page.on('dialog', (d) => {
      this.said.push(`dialog: ${d.message()}`);
      d.dismiss();
    });
    page.on('request', (r) => this.asked.add(new URL(r.url()).protocol === 'data:' ? 'data:' : new URL(r.url()).host));
  }

  // wantPeace checks that the browser has had nothing to complain about, but for what
  // is allowed, and has asked nobody but the hub.
  wantPeace(allowed = /^$/) {
    assert.deepStrictEqual(this.said.filter((text) => !allowed.test(text)), []);
    assert.deepStrictEqual([...this.asked].filter((host) => host !== this.address && host !== 'data:'), []);
  }

  async send(device, body, ...args) {
    const { stdout } = await promisify(execFile)(bin('send-c2d'), [`--local=${this.address}`, '--no-wait', '-d', device, ...args, '--message', body]);
    return stdout;
  }

  // device starts a device, and returns what ends it.
  device(id, ...args) {
    const child = spawn(bin('simulated-device'), [`--local=${this.address}`, '-d', id, '-q', ...args], { stdio: 'ignore' });
    const end = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGINT');
      await once(child, 'exit');
    };
    this.t.after(end);
    return end;
  }

  // text returns the text of an element, empty if it is not to be seen.
  text(selector) {
    return this.page.evaluate((s) => {
      const e = document.querySelector(s);
      return e && e.checkVisibility() ? e.innerText.trim() : '';
    }, selector);
  }

  // is waits until the text of an element is, or matches, what it should be.
  async is(selector, want) {
    const matches = (text) => (want instanceof RegExp ? want.test(text) : text === want);
    let text;
    for (const end = Date.now() + 15_000; Date.now() < end; await new Promise((r) => setTimeout(r, 30))) {
      if (matches(text = await this.text(selector))) return text;
    }
    assert.fail(`${selector} is ${JSON.stringify(text)}, want ${want}`);
  }

  // gone waits until an element cannot be seen.
  gone(selector) { return this.is(selector, ''); }

  // press presses keys one after another.
  async press(...keys) {
    for (const key of keys) await this.page.keyboard.press(key);
  }

  // focused returns what the element that has the focus is called.
  focused() {
    return this.page.evaluate(() => {
      const e = document.activeElement;
      return e.getAttribute('aria-label') || e.id || e.innerText;
    });
  }
}

module.exports = { World };
