// skew is how much the clock of the hub is ahead of ours, in milliseconds.
let skew = 0;
const now = () => Date.now() + skew;

// Refused is an answer that is none.
class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

// ask asks the hub for data.
async function ask(what, parameters) {
  const response = await fetch(`/page/${what}?${new URLSearchParams(parameters)}`);
  if (!response.ok) throw new Refused(response.status, await response.text());
  const answer = await response.json();
  if (answer.now) skew = Date.parse(answer.now) - Date.now();
  return answer;
}

// Stream has the events of the hub. It looks for a hub that has gone every second,
// and rests while nobody looks at the page.
class Stream {
  constructor(listener) {
    this.listener = listener;
    document.addEventListener('visibilitychange', () => (document.hidden ? this.close() : this.open()));
    this.open();
  }

  open() {
    if (this.source || document.hidden) return;
    clearTimeout(this.timer);
    this.source = new EventSource('/page/events');
    this.source.onopen = () => this.listener.open();
    this.source.onmessage = (m) => this.listener.event(JSON.parse(m.data));
    this.source.addEventListener('missed', (m) => this.listener.missed(Number(m.data)));
    this.source.onerror = () => {
      this.close();
      this.listener.lost();
      this.timer = setTimeout(() => this.open(), 1000);
    };
  }

  close() {
    clearTimeout(this.timer);
    if (this.source) this.source.close();
    this.source = null;
  }
}
