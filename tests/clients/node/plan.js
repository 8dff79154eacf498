// Which calls are made, in which order: a function of the seed alone, the same
// in all the clients (go/plan.go, raw/plan.py).
'use strict';

const KINDS = ['hit', 'miss', 'wrong_key', 'sync'];
const MISS_FORMS = 5;
const WRONG_KEY_FORMS = 4;

/** mulberry32: uniform uint32 values from a 32-bit seed. */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)) ^ mixed;
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}

/** A name that no version holds; the forms are those that a message may garble. */
function missName(draw, names, known) {
  const number = draw & 0xffff;
  const forms = [
    () => `missing_${number}`,
    () => `missing ñ 世 ${number}`,
    () => `100% missing %41 ${number}`,
    () => `it's\tmissing "${number}"`,
    () => `${names[draw % names.length]}X`,
  ];
  let name = forms[(draw >>> 16) % MISS_FORMS]();
  while (known.has(name)) name += '_';
  return name;
}

/** A key that is not `key`: none at all (null), empty, one byte off, one byte more. */
function wrongKey(draw, key) {
  const last = key.endsWith('x') ? 'y' : 'x';
  return [null, '', key.slice(0, -1) + last, `${key}x`][(draw >>> 16) % WRONG_KEY_FORMS];
}

class Plan {
  constructor({ seed, mix, key, versions }) {
    this.next = generator(seed ?? 1);
    this.key = key;
    this.known = new Set(versions.flatMap((version) => Object.keys(version.commands)));
    this.names = [...this.known].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const total = KINDS.reduce((sum, kind) => sum + (mix[kind] ?? 0), 0);
    if (!(total > 0) || this.names.length === 0) throw new Error('the input has no mix or no commands');
    let sum = 0;
    this.total = total;
    this.bounds = KINDS.map((kind) => (sum += mix[kind] ?? 0));
  }

  /** The next call: {kind, name, key}. */
  call() {
    const share = (this.next() / 4294967296) * this.total;
    const draw = this.next();
    const kind = KINDS[this.bounds.findIndex((bound) => share < bound)];
    const name = kind === 'miss' ? missName(draw, this.names, this.known) : this.names[draw % this.names.length];
    return { kind, name, key: kind === 'wrong_key' ? wrongKey(draw, this.key) : this.key };
  }
}

module.exports = { Plan };
