// A device or module is named as on the command line: device, or device/module.
const nameOf = (d) => (d.module ? `${d.device}/${d.module}` : d.device);

// selected returns the name in the address of the page, empty if there is none.
function selected() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return '';
  }
}

const devices = {
  rows: 50,
  offset: 0,
  filter: {text: '', show: 'all'},

  start(changed) {
    this.pager = new Pager('devices-pager', (direction) => {
      this.offset = Math.max(0, this.offset + direction * this.rows);
      changed();
    });
    const filter = () => {
      this.filter = {text: byID('text').value.trim(), show: byID('show').value};
      this.offset = 0;
      changed();
    };
    let timer;
    byID('text').addEventListener('input', () => {
      clearTimeout(timer);
      timer = setTimeout(filter, 150);
    });
    byID('show').addEventListener('change', filter);
    byID('filter').addEventListener('submit', (e) => {
      e.preventDefault();
      filter();
    });
  },

  ask() { return ask('devices', {...this.filter, offset: this.offset, limit: this.rows}); },

  show(answer, current) {
    for (const [id, n] of [['total', answer.total], ['connected', answer.connected], ['waiting', answer.messages], ['unread', answer.feedback]]) {
      writeText(byID(id), figure.format(n));
    }
    writeText(byID('devices-count'), answer.matches === answer.total ? '' : `${figure.format(answer.matches)} of ${figure.format(answer.total)}`);
    byID('no-devices').hidden = answer.devices.length > 0;
    keep(byID('devices'), answer.devices, nameOf, (d) => this.make(d), (row, d) => this.update(row, d, current));
    const last = answer.offset + answer.devices.length;
    const range = answer.devices.length ? `${figure.format(answer.offset + 1)} – ${figure.format(last)} of ${figure.format(answer.matches)}` : '';
    this.pager.show(range, answer.offset > 0, last < answer.matches);
    if (!answer.devices.length && answer.offset) this.offset = 0; // the list has become shorter
  },

  make(d) {
    const row = make('tr', {role: 'row'});
    row.link = make('a', {href: '#' + encodeURIComponent(nameOf(d)), class: 'code'}, shown(nameOf(d)));
    row.over = make('ul', {class: 'over'});
    row.messages = cell('number', 'Messages');
    row.append(cell('', 'Device', row.link, row.over), row.messages);
    return row;
  },

  update(row, d, current) {
    const isCurrent = nameOf(d) === current;
    row.classList.toggle('current', isCurrent);
    if (isCurrent) row.link.setAttribute('aria-current', 'true');
    else row.link.removeAttribute('aria-current');
    write(row.over, JSON.stringify([d.connections, d.more]), () => connections(d));
    write(row.messages, `${d.messages} ${d.locked}`, () => {
      const nodes = [make('strong', {class: d.messages ? '' : 'zero'}, figure.format(d.messages))];
      if (d.locked) nodes.push(make('span', {class: 'below'}, `${figure.format(d.locked)} locked`));
      return nodes;
    });
  },
};

// connections returns over what somebody is there as the device.
function connections(d) {
  if (!d.connections.length) return [make('li', {class: 'away'}, 'not connected')];
  const list = d.connections.map(connection);
  if (d.more) list.push(make('li', {class: 'away'}, `and ${figure.format(d.more)} more`));
  return list;
}

// connection returns over what somebody is there.
function connection(c) {
  const over = c.transport.toUpperCase() === c.protocol ? c.protocol : `${c.protocol} over ${c.transport}`;
  return make('li', {title: `since ${moment.format(new Date(c.since))}`},
    make('span', {class: 'dot', 'aria-hidden': 'true'}), over, make('span', {class: 'client'}, ` from ${c.client}`));
}
