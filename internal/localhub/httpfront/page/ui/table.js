// keep makes the units of a parent those of a list, each made once: so whoever reads
// or has the focus is not disturbed. They begin after the fixed ones.
function keep(parent, list, keyOf, makeUnit, update, fixed = 0) {
  const old = parent.units || new Map();
  parent.units = new Map();
  for (const item of list) {
    const key = keyOf(item);
    const unit = old.get(key) || makeUnit(item);
    unit.classList.toggle('new', !old.has(key) && Boolean(parent.filled));
    old.delete(key);
    parent.units.set(key, unit);
    update(unit, item);
  }
  for (const unit of old.values()) unit.remove();
  let at = fixed;
  for (const unit of parent.units.values()) {
    if (parent.children[at] !== unit) parent.insertBefore(unit, parent.children[at] || null);
    at++;
  }
  parent.filled = true;
}

// cell returns a cell of a table. On a narrow screen its label stands before it.
function cell(className, label, ...children) {
  return make('td', {role: 'cell', class: className, 'data-label': label}, ...children);
}

// Pager lets somebody turn pages: turn is called with -1 or 1.
class Pager {
  constructor(id, turn) {
    this.nav = byID(id);
    const button = (text, direction) => {
      const b = make('button', {type: 'button'}, text);
      b.addEventListener('click', () => { if (b.getAttribute('aria-disabled') !== 'true') turn(direction); });
      return b;
    };
    this.back = button('Previous', -1);
    this.on = button('Next', 1);
    this.text = make('span', {role: 'status'});
    this.nav.append(this.back, this.text, this.on);
  }

  // show says where the page is. A button that leads nowhere keeps the focus.
  show(text, hasBack, hasOn) {
    this.nav.hidden = !hasBack && !hasOn;
    writeText(this.text, text);
    this.back.setAttribute('aria-disabled', String(!hasBack));
    this.on.setAttribute('aria-disabled', String(!hasOn));
  }
}
