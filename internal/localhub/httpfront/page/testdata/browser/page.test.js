'use strict';
// The page of the local hub in a real browser, with our own tools at the other end.
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const { after, before, test } = require('node:test');
const axe = require('axe-core');
const puppeteer = require('puppeteer-core');
const { World } = require('./world');

let browser;
before(async () => {
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    // As root, as CI is, Chromium has no sandbox. It shows no page but ours.
    args: process.getuid() === 0 ? ['--no-sandbox'] : [],
  });
  console.log(await browser.version());
});
after(() => browser?.close());

const tried = (name, f) => test(name, { timeout: 60_000 }, f);
const first = '#messages tbody:nth-of-type(1)';
const hostile = '<script>alert(1)</script><img src=x onerror=alert(2)><b>bold</b>';

tried('an empty hub says how to send the first message', async (t) => {
  const w = await World.open(t, browser);
  await w.is('#queue-title', 'Messages for myFirstDevice');
  await w.is('#no-messages', new RegExp(`send-c2d --local=${w.address} "hello"`));
  await w.is('#waiting', '0');
  await w.is('#devices a', 'myFirstDevice');
  await w.is('#devices .over', 'not connected');
  w.wantPeace();
});

tried('a message appears, is locked, and disappears', async (t) => {
  const w = await World.open(t, browser);
  await w.send('myFirstDevice', 'hello', '--message-id', 'one', '-p', 'color=red', '--ack', 'full', '--ttl', '10m');
  await w.is(`${first} .id`, 'one');
  await w.is(`${first} .properties`, 'color=red');
  await w.is(`${first} .chip`, 'ready');
  await w.is(`${first} [data-expires]`, /^(9 min|10 min)$/);
  await w.is('#waiting', '1');
  const end = w.device('myFirstDevice', '--settle-delay', '1h');
  const locked = await w.is(`${first} .chip`, /^locked (1:00|0:5\d)$/);
  await w.is(`${first} .chip`, (({ source }) => new RegExp(`^(?!${locked}$)${source}`))(/locked 0:5\d$/));
  await w.is('#devices .over', /^AMQP from 127\.0\.0\.1:\d+$/);
  await w.is('#connected', '1');
  await end();
  await w.is(`${first} .chip`, /ready|locked/);
  await w.is('#devices .over', 'not connected');
  w.device('myFirstDevice', '--count', '1');
  await w.gone('#messages');
  await w.is('#no-messages', /No message waits here/);
  await w.is('#feedback .records', 'Success one for myFirstDevice');
  const log = await w.text('#events');
  for (const event of ['enqueued', 'connected', 'delivered', 'disconnected', 'completed', 'feedback sent']) assert.match(log, new RegExp(event));
  assert.ok(log.indexOf('completed') < log.indexOf('enqueued'), 'the newest event is the first');
  await w.is('#said', /completed|feedback sent|disconnected/);
  w.wantPeace();
});

tried('it connects again when the hub has been restarted', async (t) => {
  const w = await World.open(t, browser);
  await w.send('myFirstDevice', 'before', '--message-id', 'before');
  await w.is(`${first} .id`, 'before');
  await w.stopHub();
  await w.is('#state', 'Reconnecting');
  await w.startHub(w.address);
  await w.is('#state', 'Live');
  await w.gone('#messages');
  await w.send('myFirstDevice', 'after', '--message-id', 'after');
  await w.is(`${first} .id`, 'after');
  w.wantPeace(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET/); // that is how the hub was away
});

tried('a body of script is a text', async (t) => {
  const w = await World.open(t, browser);
  await w.send('myFirstDevice', hostile, '-p', `html=${hostile}`, '--cid', hostile, '--ct', hostile);
  await w.is(`${first} .properties`, `html=${hostile}`);
  await w.page.click(`${first} button`);
  await w.is(`${first} pre`, hostile);
  assert.strictEqual(await w.page.$$eval('#messages script, #messages img, #messages b', (list) => list.length), 0);
  w.wantPeace();
});

tried('what acts on a terminal is to be seen, and does nothing', async (t) => {
  const w = await World.open(t, browser);
  await w.send('myFirstDevice', '\u001b[2J\u001b]0;title\u0007 bell\r\nnext\tline \u202Ereversed\u202C \u200Bnothing \u0085 \u{E0041}tag 👍', '-p', 'escape=\u001b[31m\n');
  await w.is(`${first} .properties`, 'escape=\\x1b[31m\\n');
  await w.page.click(`${first} button`);
  const text = await w.is(`${first} pre`, /next/);
  assert.strictEqual(text, '\\x1b[2J\\x1b]0;title\\x07 bell\\r\\n\nnext\\tline \\u202ereversed\\u202c \\u200bnothing \\x85 \\u{e0041}tag 👍');
  w.wantPeace();
});

tried('no message is too much for the page', async (t) => {
  const w = await World.open(t, browser);
  const controls = '\u0001'.repeat(60_000), mixed = '\u0001a'.repeat(30_000), marks = `e${'\u0301'.repeat(30_000)}`;
  await w.send('myFirstDevice', controls, '--message-id', 'controls');
  await w.send('myFirstDevice', mixed, '--message-id', 'mixed');
  await w.send('myFirstDevice', 'x', '-p', `a=${controls}`);
  await w.send('myFirstDevice', marks, '-p', `marks=${marks.slice(0, 30)}`);
  await w.send('myFirstDevice', 'x', '--count', '46', '--message-id', 'm{{.N}}', '-p', `a=${mixed}`, '--cid', mixed.slice(0, 2000));
  await w.is('#queue-count', '50');
  for (const [i, length] of [[1, 240_000], [2, 150_000], [4, 30_000 * 6]]) {
    const unit = `#messages tbody:nth-of-type(${i})`;
    await w.page.click(`${unit} button`);
    assert.ok((await w.is(`${unit} pre`, /^(\\x01|e)/)).length > length - 100);
    await w.page.click(`${unit} button`);
  }
  await w.is('#messages tbody:nth-of-type(3) .properties li:last-child', '… all of it is with the body');
  await w.page.click('#messages tbody:nth-of-type(3) button');
  await w.is('#messages tbody:nth-of-type(3) .facts div:last-child dd', /(\\x01){60000}$/);
  await w.is('#messages tbody:nth-of-type(4) .properties', /^marks=e\u0301{4}(\\u0301){25}$/);
  assert.ok(await w.page.$$eval('*', (list) => list.length) < 50_000);
  w.wantPeace();
});

tried('bytes that are no text, and bodies that are gone', async (t) => {
  const w = await World.open(t, browser);
  await w.send('myFirstDevice', '/v8=', '--base64', '--message-id', 'bytes');
  await w.is(`${first} .id`, 'bytes');
  await w.page.click(`${first} button`);
  await w.is(`${first} pre`, '/v8=');
  await w.is(`${first} .detail .below`, 'Not UTF-8: shown as base64.');
  await w.page.click(`${first} button`);
  await w.gone(`${first} pre`);
  w.wantPeace();
});

tried('a filter and pages for ten thousand devices', async (t) => {
  const w = await World.open(t, browser, { devices: Array.from({ length: 10_000 }, (_, i) => `device-${String(i).padStart(5, '0')}`) });
  await w.is('#total', '10,000');
  await w.is('#devices-pager span', '1 – 50 of 10,000');
  assert.strictEqual(await w.page.$$eval('#devices tr', (list) => list.length), 50);
  await w.page.click('#devices-pager button:last-child');
  await w.is('#devices-pager span', '51 – 100 of 10,000');
  await w.is('#devices tr a', 'device-00050');
  await w.page.type('#text', 'ICE-0299');
  await w.is('#devices-count', '10 of 10,000');
  await w.is('#devices tr a', 'device-02990');
  await w.gone('#devices-pager');
  await w.page.$eval('#text', (e) => { e.value = ''; });
  await w.send('device-01234', 'hello');
  await w.page.select('#show', 'messages');
  await w.is('#devices-count', '1 of 10,000');
  await w.page.click('#devices a');
  await w.is('#queue-title', 'Messages for device-01234');
  await w.is(`${first} .chip`, 'ready');
  await w.page.type('#text', 'none');
  await w.is('#no-devices', 'No device is like that.');
  w.wantPeace();
});

tried('pages of a long queue, and of a device without messages', async (t) => {
  const w = await World.open(t, browser, { devices: ['one', 'two'], hash: '#one', args: ['--max-queue', '200'] });
  await w.send('one', 'hello', '--count', '50', '--message-id', 'a{{.N}}');
  await w.is('#queue-count', '50');
  await w.gone('#messages-pager'); // all are on one page
  await w.send('one', 'hello', '--count', '70', '--message-id', 'b{{.N}}');
  await w.is('#messages-pager span', '50 of 120');
  const shown = () => w.page.$$eval('#messages tbody', (list) => list.length);
  const [back, on] = ['#messages-pager button:first-child', '#messages-pager button:last-child'];
  await w.page.click(on);
  await w.is(`${first} td`, '51');
  await w.page.click(on);
  await w.is(`${first} td`, '101');
  assert.strictEqual(await shown(), 20);
  await w.page.click(on); // it leads nowhere
  await w.page.click(back);
  await w.is(`${first} td`, '51');
  assert.strictEqual(await shown(), 50);
  await w.page.click('#devices tr:nth-child(2) a');
  await w.is('#queue-title', 'Messages for two');
  await w.gone('#messages');
  await w.page.goBack();
  await w.is('#queue-title', 'Messages for one');
  await w.is('#queue-count', '120');
  await w.is(`${first} td`, '1');
  await w.page.evaluate(() => { location.hash = '#gone'; });
  await w.is('#no-messages', 'There is no device gone on this hub.');
  w.wantPeace(/404/); // the answer of the hub, as the browser tells it
});

tried('thousands of events leave the page quick and small', async (t) => {
  const w = await World.open(t, browser, { args: ['--max-queue', '2000'] });
  w.device('myFirstDevice');
  await w.is('#connected', '1');
  await w.send('myFirstDevice', 'hello', '--count', '2000', '--message-id', 'm{{.N}}', '--in-flight', '50');
  await w.is('#events', /m1999/);
  await w.is('#waiting', '0');
  await w.is('#state', 'Live');
  assert.ok(await w.page.$$eval('#events li', (list) => list.length) <= 200);
  w.wantPeace();
});

tried('the keyboard does all', async (t) => {
  const w = await World.open(t, browser, { devices: ['one', 'two'] });
  await w.send('two', 'hello', '--message-id', 'm2');
  await w.is('#waiting', '1');
  await w.press('Tab');
  assert.strictEqual(await w.focused(), 'skip');
  await w.press('Enter');
  assert.strictEqual(await w.focused(), 'queue');
  await w.page.focus('#text');
  await w.press('t', 'w', 'Tab', 'Tab');
  await w.is('#devices-count', '1 of 2');
  await w.page.focus('#devices a');
  await w.press('Enter');
  await w.is(`${first} .id`, 'm2');
  assert.strictEqual(await w.page.$eval('#devices a', (a) => a.getAttribute('aria-current')), 'true');
  await w.press('Tab');
  assert.strictEqual(await w.focused(), 'Body of message 1');
  await w.press('Enter');
  await w.is(`${first} pre`, 'hello');
  await w.send('two', 'again', '--message-id', 'm3'); // the focus stays
  await w.is('#messages tbody:nth-of-type(2) .id', 'm3');
  assert.strictEqual(await w.focused(), 'Body of message 1');
  await w.press('Space');
  await w.gone(`${first} pre`);
  const outline = await w.page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
  assert.strictEqual(outline, 'solid', 'the focus is to be seen');
  await w.page.focus('#pause');
  await w.press('Enter');
  assert.strictEqual(await w.page.$eval('#pause', (b) => b.getAttribute('aria-pressed')), 'true');
  const before = await w.text('#events');
  await w.send('two', 'more', '--message-id', 'm4');
  await w.is('#messages tbody:nth-of-type(3) .id', 'm4');
  assert.strictEqual(await w.text('#events'), before, 'events come though they are paused');
  await w.press('Enter');
  await w.is('#events', /m4/);
  w.wantPeace();
});

tried('the tree for screen readers names what there is', async (t) => {
  const w = await World.open(t, browser);
  await w.send('myFirstDevice', 'hello', '--message-id', 'one');
  await w.is(`${first} .id`, 'one');
  for (const width of [1280, 390]) {
    await w.page.setViewport({ width, height: 900 });
    const all = [];
    const walk = (node) => {
      all.push(`${node.role} ${node.name}`);
      (node.children || []).forEach(walk);
    };
    walk(await w.page.accessibility.snapshot({ interestingOnly: false }));
    for (const want of ['heading Local IoT Hub', 'StaticText Live', 'searchbox Part of the id', 'combobox Which devices', 'table Devices',
      'table Messages for myFirstDevice', 'button Body of message 1', 'link myFirstDevice', 'list What happens', 'button Pause']) {
      assert.ok(all.some((line) => line.trimEnd() === want), `at ${width}: no ${want} in\n${all.join('\n')}`);
    }
  }
  w.wantPeace();
});

tried('nobody is kept out, by the rules of WCAG that a program can check', async (t) => {
  const w = await World.open(t, browser);
  await w.send('myFirstDevice', 'hello', '--message-id', 'one', '-p', 'color=red', '--ack', 'full');
  await w.send('myFirstDevice', 'late', '--ttl', '300ms', '--ack', 'full');
  w.device('myFirstDevice', '--settle-delay', '1h');
  await w.is(`${first} .chip`, /locked/);
  await w.is('#feedback .records', /Expired/);
  await w.page.click(`${first} button`);
  await w.is(`${first} pre`, 'hello');
  await w.page.evaluate(axe.source);
  for (const [scheme, width] of [['light', 1280], ['dark', 1280], ['light', 390], ['dark', 390]]) {
    await w.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
    await w.page.setViewport({ width, height: 900 });
    const { violations } = await w.page.evaluate(() => globalThis.axe.run());
    assert.deepStrictEqual(violations.map((v) => `${v.id}: ${v.help}: ${v.nodes.map((n) => n.html).join(', ')}`), [], `${scheme} at ${width}`);
  }
});

tried('nothing is wider than the screen, and nothing moves for those who want that', async (t) => {
  const w = await World.open(t, browser);
  const long = 'x'.repeat(120);
  await w.send('myFirstDevice', long.repeat(20), '--message-id', long, '-p', `${long}=${long}`);
  await w.is(`${first} .id`, long);
  await w.page.click(`${first} button`);
  await w.is(`${first} pre`, /^x+$/);
  await w.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
  for (const width of [320, 390, 736, 740, 900, 1060, 1280, 1920]) {
    await w.page.setViewport({ width, height: 900 });
    assert.deepStrictEqual(await w.page.evaluate(() => [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.tagName + '.' + e.className)), [], `the page is wider than ${width}`);
    assert.ok(await w.page.evaluate(() => [...document.querySelectorAll('.panel')].every((p) => p.scrollWidth <= p.clientWidth)), `a panel is cut off at ${width}`);
  }
  assert.strictEqual(await w.page.evaluate(() => document.getAnimations().length), 0);
  w.wantPeace();
});

tried('a foreign page gets nothing', async (t) => {
  const w = await World.open(t, browser);
  const foreign = await w.context.newPage();
  await foreign.goto('data:text/html,<title>foreign</title>');
  const answers = await foreign.evaluate(async (address) => {
    const outcome = (promise) => promise.then((r) => `${r.type} ${r.status}`, (e) => e.name);
    const picture = new Promise((resolve) => {
      const image = new Image();
      image.onload = () => resolve('loaded');
      image.onerror = () => resolve('refused');
      image.src = `http://${address}/page/devices`;
    });
    return [await outcome(fetch(`http://${address}/page/devices`)), await picture];
  }, w.address);
  assert.deepStrictEqual(answers, ['TypeError', 'refused']);
  await foreign.setContent(`<iframe src="http://${w.address}/"></iframe>`);
  const frame = await (await foreign.waitForSelector('iframe')).contentFrame();
  assert.match(frame.url(), /^chrome-error:/, 'the page can be framed');
});

tried('screenshots to look at', async (t) => {
  const w = await World.open(t, browser, { devices: ['myFirstDevice', 'door-sensor', 'thermostat-42'], hash: '#myFirstDevice' });
  await w.send('myFirstDevice', '{"temperature": 21.5}', '--message-id', 'set-temperature', '-p', 'unit=°C', '-p', 'room=kitchen', '--ct', 'application/json');
  await w.send('myFirstDevice', '{"on": true}', '--message-id', 'switch-on', '--ack', 'full');
  await w.send('myFirstDevice', 'a bell \u0007 and \u001b[31mred\u001b[0m', '--message-id', 'not-so-plain');
  await w.send('door-sensor', 'open', '--ack', 'full', '--message-id', 'open');
  await w.send('thermostat-42', 'soon', '--ttl', '300ms', '--ack', 'full', '--message-id', 'too-late');
  w.device('myFirstDevice', '--settle-delay', '1h');
  w.device('door-sensor');
  await w.is(`${first} .chip`, /locked/);
  await w.is('#feedback .records', /Expired/);
  await w.is('#connected', '2');
  await w.page.click('#messages tbody:nth-of-type(3) button');
  await w.is('#messages pre', /bell/);
  await w.page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
  for (const [name, scheme, width] of [['light', 'light', 1280], ['dark', 'dark', 1280], ['narrow', 'light', 390]]) {
    await w.page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }, { name: 'prefers-reduced-motion', value: 'reduce' }]);
    await w.page.setViewport({ width, height: 900, deviceScaleFactor: width < 600 ? 2 : 1 });
    await w.page.screenshot({ path: path.join(process.env.BIN, `page-${name}.png`), fullPage: true });
    assert.ok(fs.statSync(path.join(process.env.BIN, `page-${name}.png`)).size > 10_000);
  }
  w.wantPeace();
});
