// What events are called, and of what mood they are. Statuses of feedback have one too.
const words = {
  lockLost: 'lock lost', deadLettered: 'dead-lettered', feedbackSent: 'feedback sent', feedbackTaken: 'feedback taken',
  feedbackReturned: 'feedback given back', feedbackFinished: 'feedback done', token: 'refused', attached: 'attached',
};

const moods = {
  connected: 'info', disconnected: 'calm', enqueued: 'info', delivered: 'info', attached: 'calm',
  completed: 'good', feedbackSent: 'calm', feedbackTaken: 'calm', feedbackReturned: 'calm', feedbackFinished: 'calm',
  abandoned: 'warn', released: 'warn', lockLost: 'warn', refused: 'bad', token: 'bad', fault: 'bad',
  rejected: 'bad', expired: 'bad', deadLettered: 'bad', purged: 'bad',
  Success: 'good', Rejected: 'bad', Expired: 'bad', DeliveryCountExceeded: 'bad', Purged: 'bad',
};

// most is how many events the page keeps.
const most = 200;

// quiet is how long the page is silent at least between two things that it says to
// those who listen to it, in milliseconds.
const quiet = 3000;

const events = {
  waiting: [], // to be shown with the next frame
  silent: 0, // events since the page has said something

  start() {
    const pause = byID('pause');
    pause.addEventListener('click', () => {
      this.paused = !this.paused;
      pause.setAttribute('aria-pressed', String(this.paused));
      pause.textContent = this.paused ? 'Go on' : 'Pause';
      if (!this.paused) this.plan();
    });
  },

  // add shows an event soon: hundreds may come at once.
  add(event) {
    if (isNoNews(event)) return;
    this.line(make('li', {}, make('time', {datetime: event.at}, clock.format(new Date(event.at))),
      make('span', {class: `chip ${moods[event.event] || 'calm'}`}, words[event.event] || event.event), make('span', {class: 'about'}, ...about(event))));
    this.say(event);
  },

  // note shows a remark of the page itself.
  note(text) { this.line(make('li', {class: 'muted'}, make('time', {}, clock.format(new Date(now()))), make('span', {class: 'about'}, text))); },

  line(item) {
    this.waiting.push(item);
    if (this.waiting.length > most) this.waiting.shift();
    if (!this.paused) this.plan();
  },

  plan() {
    if (this.planned) return;
    this.planned = true;
    requestAnimationFrame(() => {
      this.planned = false;
      const list = byID('events');
      list.prepend(...this.waiting.reverse());
      this.waiting = [];
      while (list.children.length > most) list.lastElementChild.remove();
      byID('no-events').hidden = list.children.length > 0;
    });
  },

  // say tells those who cannot see the page of events, but not of each.
  say(event) {
    this.silent++;
    this.last = event;
    if (this.talk) return;
    this.talk = setTimeout(() => {
      this.talk = null;
      const {event: name, messageId, deviceId} = this.last;
      const latest = [words[name] || name, messageId && `message ${messageId}`, deviceId && `of ${deviceId}`].filter(Boolean).join(' ');
      writeWire(byID('said'), this.silent === 1 ? latest : `${this.silent} events, the last: ${latest}`);
      this.silent = 0;
    }, quiet);
  },
};

// isNoNews reports whether an event says nothing to people: a token that is good, a
// link for tokens, a link of a device that has been said to connect.
function isNoNews(e) {
  return e.event === 'token' ? e.detail === '200' : e.event === 'attached' && (e.deviceId || e.detail === '$cbs');
}

// about returns what an event is about.
function about(e) {
  const nodes = [];
  const add = (className, text) => nodes.push(make('span', {class: className}, shown(text)), ' ');
  if (e.messageId) add('code', e.messageId);
  if (e.deviceId) {
    if (e.messageId) nodes.push('for ');
    add('code', e.moduleId ? `${e.deviceId}/${e.moduleId}` : e.deviceId);
  }
  if (e.client) add('muted', `${e.transport.toUpperCase() === e.protocol ? e.protocol : `${e.protocol} over ${e.transport}`} from ${e.client}`);
  const detail = detailOf(e);
  if (detail) add('muted', detail);
  return nodes;
}

// detailOf returns what the name of an event does not say.
function detailOf(e) {
  switch (e.event) {
    case 'completed': case 'rejected': case 'expired': case 'purged': return '';
    case 'token': return `a token (${e.detail})`;
    case 'feedbackTaken': return e.detail === '1' ? '1 record' : `${e.detail} records`;
    case 'attached': return `a back end at ${e.detail}`;
    default: return e.detail || '';
  }
}
