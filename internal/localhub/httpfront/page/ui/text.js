// Everything that came from the wire goes into the document as text. What cannot be
// seen in a text, or changes how it looks, is shown as an escape.
// Of the marks on one character, those after the fourth could cover other lines.
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]+|(\p{M}{4})(\p{M}+)/gu;

const names = {'\n': '\\n', '\r': '\\r', '\t': '\\t'};

function escaped(character) {
  const code = character.codePointAt(0).toString(16);
  if (names[character]) return names[character];
  if (code.length > 4) return `\\u{${code}}`;
  return code.length > 2 ? `\\u${code.padStart(4, '0')}` : `\\x${code.padStart(2, '0')}`;
}

// make returns an element. Of the attributes, those that are null are left out.
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// shown returns a text from the wire as a node: there may be more in it than a call can
// have arguments. With lines it keeps its lines.
function shown(text, lines = false) {
  const all = document.createDocumentFragment();
  let end = 0;
  for (const match of text.matchAll(unseen)) {
    all.append(text.slice(end, match.index), match[1] || '');
    const run = match[2] || match[0];
    for (const part of lines ? run.match(/[^\n]*\n|[^\n]+/g) : [run]) {
      all.append(make('span', {class: 'escape'}, Array.from(part, escaped).join('')), lines && part.endsWith('\n') ? '\n' : '');
    }
    end = match.index + match[0].length;
  }
  all.append(text.slice(end));
  return all;
}

// write makes nodes or texts the content of an element. key stands for them: what is
// there already is left alone, and so is what somebody has selected.
function write(element, key, nodes) {
  if (element.written === key) return;
  element.written = key;
  element.replaceChildren(...nodes());
}

// writeText writes a text of our own.
function writeText(element, text) { write(element, text, () => [text]); }

// writeWire writes a text from the wire.
function writeWire(element, text) { write(element, text, () => [shown(text)]); }

const byID = (id) => document.getElementById(id);
const figure = new Intl.NumberFormat('en');
const clock = new Intl.DateTimeFormat('en', {hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3, hourCycle: 'h23'});
const moment = new Intl.DateTimeFormat('en', {dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23'});

function bytes(n) { return n < 1024 ? `${n} B` : `${(n / 1024).toFixed(1)} kB`; }

// span returns a time in milliseconds, to its largest unit.
function span(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  if (s < 48 * 3600) return `${Math.floor(s / 3600)} h`;
  return `${figure.format(Math.floor(s / 86400))} d`;
}

// countdown returns a time in milliseconds as 1:05.
function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, '0')}`;
}
