// QueueTable shows a queue: one body of the table for each message, so that what
// belongs to it follows it.
class QueueTable {
  // describe returns the cell that says what the message is; source is where its
  // body is asked for.
  constructor(id, describe, facts, source) {
    Object.assign(this, {table: byID(id), describe, facts, source, before: []});
    this.pager = new Pager(`${id}-pager`, (direction) => this.turn(direction));
  }

  // reset goes to the first page.
  reset() { this.before = []; }

  turn(direction) {
    if (direction > 0) this.before.push(this.last);
    else this.before.pop();
    page.changed();
  }

  parameters() { return {after: this.before.at(-1) || 0, limit: 50}; }

  show(answer, key) {
    if (this.key !== key) this.table.filled = false; // of another device: nothing of it is new
    this.key = key;
    const list = answer.messages;
    this.last = list.length ? list.at(-1).sequence : 0;
    if (!list.length && this.before.length) this.turn(-1); // they have gone meanwhile
    this.table.hidden = !list.length;
    keep(this.table, list, (m) => `${key} ${m.sequence} ${m.enqueued}`, (m) => this.make(m), (unit, m) => this.update(unit, m), 1);
    const isLong = answer.total > list.length;
    this.pager.show(isLong ? `${figure.format(list.length)} of ${figure.format(answer.total)}` : '', this.before.length > 0, isLong && list.length === 50);
  }

  make(m) {
    const unit = make('tbody', {role: 'rowgroup'});
    unit.state = cell('', 'State');
    unit.deliveries = cell('number', 'Delivery count');
    unit.expires = cell('number', 'Expires in');
    unit.size = cell('number', 'Size');
    unit.what = cell('what', '');
    unit.button = make('button', {type: 'button', 'aria-expanded': 'false', 'aria-label': `Body of message ${m.sequence}`}, 'Body');
    unit.button.addEventListener('click', () => this.toggle(unit, m));
    unit.append(make('tr', {role: 'row'}, cell('number muted', 'No.', String(m.sequence)), unit.what, unit.state,
      unit.deliveries, unit.expires, unit.size, cell('action', '', unit.button)));
    return unit;
  }

  update(unit, m) {
    write(unit.what, JSON.stringify([m.id, m.properties, m.records]), () => this.describe(m));
    const until = m.lockedUntil ? Date.parse(m.lockedUntil) : 0;
    write(unit.state, String(until), () => [until
      ? make('span', {class: 'chip warn'}, 'locked ', make('span', {class: 'count-down', 'data-locked': until}))
      : make('span', {class: 'chip calm'}, 'ready')]);
    writeText(unit.deliveries, figure.format(m.deliveryCount));
    write(unit.expires, m.expires, () => [make('span', {'data-expires': Date.parse(m.expires), title: moment.format(new Date(m.expires))})]);
    writeText(unit.size, bytes(m.size));
  }

  // toggle opens and closes what there is to read of a message.
  async toggle(unit, m) {
    if (unit.detail) {
      unit.detail.remove();
      unit.detail = null;
      unit.button.setAttribute('aria-expanded', 'false');
      return;
    }
    const body = make('pre', {class: 'code', tabindex: '0', 'aria-label': 'Body'}, '…');
    const note = make('p', {class: 'below'});
    const about = this.facts(m);
    unit.detail = make('tr', {role: 'row', class: 'detail'}, make('td', {role: 'cell', colspan: '7'}, about, body, note));
    unit.append(unit.detail);
    unit.button.setAttribute('aria-expanded', 'true');
    try {
      const answer = await ask('body', {...this.source(), sequence: m.sequence});
      if (m.cut) about.replaceWith(this.facts(answer.message, true));
      body.replaceChildren(shown(answer.text, true));
      if (answer.encoding === 'base64') note.append('Not UTF-8: shown as base64.');
      else if (!answer.text) note.append('No bytes. What is no bytes, such as a value of AMQP, is not shown.');
    } catch (e) {
      body.remove();
      note.append(e instanceof Refused ? e.message : 'The hub does not answer.');
    }
  }
}

// facts returns a list of what has a value.
function facts(pairs) {
  const list = make('dl', {class: 'facts'});
  for (const [name, text] of pairs) {
    if (text) list.append(make('div', {}, make('dt', {}, shown(name)), make('dd', {}, shown(text))));
  }
  return list;
}

const time = (text) => (text ? moment.format(new Date(text)) : '');

const queue = {
  start() {
    this.table = new QueueTable('messages', describeMessage, (m, whole) => facts([
      ['Enqueued', time(m.enqueued)], ['Expires', time(m.expires)], ['Feedback asked for', m.ack], ['To', m.to],
      ['Correlation id', m.correlationId], ['User id', m.userId.text], ['Content type', m.contentType], ['Content encoding', m.contentEncoding],
      ...(whole ? m.properties.map((p) => [p.name, p.value === null ? 'null' : p.value || '""']) : []),
    ]), () => this.target());
  },

  // choose makes a device the one that is shown.
  choose(name) {
    if (this.name === name) return;
    this.name = name;
    this.table.reset();
    write(byID('queue-title'), name, () => (name ? ['Messages for ', make('span', {class: 'code'}, shown(name))] : ['Messages']));
  },

  target() {
    const [device, module = ''] = this.name.split('/');
    return {device, module};
  },

  async ask() {
    if (!this.name) return null;
    const name = this.name;
    try {
      return {name, ...await ask('messages', {...this.target(), ...this.table.parameters()})};
    } catch (e) {
      if (e instanceof Refused && e.status === 404) return {name, total: 0, messages: [], gone: true};
      throw e;
    }
  },

  show(answer) {
    if (answer && answer.name !== this.name) return; // somebody has chosen another meanwhile
    const total = answer ? answer.total : 0;
    writeText(byID('queue-count'), total ? figure.format(total) : '');
    this.table.show(answer || {messages: [], total: 0}, this.name || '');
    const empty = byID('no-messages');
    empty.hidden = total > 0;
    const kind = !answer ? 'none' : answer.gone ? 'gone' : 'empty';
    write(empty, `${kind} ${this.name}`, () => emptyState(kind, this.name || ''));
  },
};

function describeMessage(m) {
  const nodes = [make('span', {class: m.id ? 'code id' : 'muted'}, m.id ? shown(m.id) : 'no id')];
  if (m.properties.length) {
    const list = make('ul', {class: 'properties', 'aria-label': 'Properties'});
    for (const p of m.properties) {
      list.append(make('li', {class: 'code'}, make('span', {class: 'muted'}, shown(p.name), '='), p.value === null ? make('em', {}, 'null') : shown(p.value)));
    }
    if (m.cut) list.append(make('li', {class: 'muted'}, '… all of it is with the body'));
    nodes.push(list);
  }
  return nodes;
}

const feedback = {
  start() {
    this.table = new QueueTable('feedback', describeFeedback, (m) => facts([['Sent', time(m.enqueued)], ['Expires', time(m.expires)]]), () => ({}));
  },

  ask() { return ask('feedback', this.table.parameters()); },

  show(answer) {
    writeText(byID('feedback-count'), answer.total ? figure.format(answer.total) : '');
    byID('no-feedback').hidden = answer.total > 0;
    this.table.show(answer, 'feedback');
  },
};

// few is how many records of a feedback message are shown; its body has them all.
const few = 4;

function describeFeedback(m) {
  const list = make('ul', {class: 'records'});
  for (const r of m.records.slice(0, few)) {
    list.append(make('li', {}, make('span', {class: `chip ${moods[r.status] || 'calm'}`}, shown(r.status)), ' ',
      make('span', {class: 'code'}, shown(r.id || 'no id')), make('span', {class: 'muted'}, ' for ', shown(r.device))));
  }
  if (m.records.length > few) list.append(make('li', {class: 'muted'}, `and ${m.records.length - few} more`));
  return [list];
}

// emptyState says what to do when there is nothing to see.
function emptyState(kind, name) {
  if (kind === 'none') return [make('p', {}, 'No device is chosen.')];
  if (kind === 'gone') return [make('p', {}, 'There is no device ', make('span', {class: 'code'}, shown(name)), ' on this hub.')];
  const local = location.port === '5672' ? '' : ` --local=${location.host}`;
  const {device, module} = queue.target();
  const target = name === 'myFirstDevice' ? '' : ` -d ${quoted(device)}`;
  const toModule = module ? ` --module-id ${quoted(module)}` : '';
  const nodes = [
    make('p', {}, 'No message waits here. Send one from a terminal:'),
    make('pre', {class: 'code command', tabindex: '0', 'aria-label': 'Command to send a message'}, `send-c2d${local}${target}${toModule} "hello"`),
  ];
  if (!module) {
    nodes.push(make('p', {class: 'muted'}, 'It waits until the device takes it:'),
      make('pre', {class: 'code command', tabindex: '0', 'aria-label': 'Command to receive messages'}, `simulated-device${local}${target}`));
  }
  return nodes;
}

// quoted returns a word for a shell.
function quoted(word) {
  return /^[\w.:%+,=@-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
