// The page asks for what it shows when something has happened, and from time to time:
// not more often than the hub can answer easily.
const often = 150, seldom = 5000; // milliseconds

const page = {
  start() {
    const hub = location.host;
    byID('address').textContent = hub;
    document.title = `Local IoT Hub · ${hub}`;
    events.start();
    queue.start();
    feedback.start();
    devices.start(() => this.changed());
    addEventListener('hashchange', () => this.changed());
    byID('skip').addEventListener('click', (e) => {
      e.preventDefault(); // the address names a device
      byID('queue').focus();
    });
    this.stream = new Stream({
      open: () => this.connected(),
      lost: () => this.lost(),
      event: (e) => {
        events.add(e);
        this.changed();
      },
      missed: (n) => events.note(`${figure.format(n)} events are not shown here: there were too many at once.`),
    });
    setInterval(() => this.tick(), 250);
    setInterval(() => this.changed(), seldom);
  },

  connected() {
    if (this.wasLost) events.note('Connected again.');
    this.wasLost = false;
    this.state('live', 'Live');
    this.changed();
  },

  lost() {
    if (!this.wasLost) events.note('The connection to the hub is lost.');
    this.wasLost = true;
    this.state('lost', 'Reconnecting');
  },

  state(state, text) {
    byID('state').dataset.state = state;
    writeText(byID('state'), text);
  },

  // changed has everything asked for soon.
  changed() {
    this.again = true;
    if (this.timer || this.busy || document.hidden || byID('state').dataset.state !== 'live') return;
    this.timer = setTimeout(() => this.refresh(), Math.max(often, 3 * (this.took || 0)));
  },

  async refresh() {
    Object.assign(this, {timer: null, busy: true, again: false});
    const began = performance.now();
    try {
      const [list, messages, records] = await Promise.all([devices.ask(), this.messages(), feedback.ask()]);
      if (!queue.name && !selected() && list.devices.length) {
        queue.choose(nameOf(list.devices[0]));
        this.again = true;
      }
      devices.show(list, queue.name);
      queue.show(messages);
      feedback.show(records);
      this.tick();
    } catch (e) {
      if (e instanceof Refused) events.note(e.message);
    }
    Object.assign(this, {took: performance.now() - began, busy: false});
    if (this.again) this.changed();
  },

  messages() {
    if (selected()) queue.choose(selected());
    return queue.ask();
  },

  // tick lets the times run.
  tick() {
    for (const e of document.querySelectorAll('[data-locked]')) writeText(e, countdown(e.dataset.locked - now()));
    for (const e of document.querySelectorAll('[data-expires]')) writeText(e, span(e.dataset.expires - now()));
  },
};

page.start();
