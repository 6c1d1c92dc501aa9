// Texts that nobody would write, and that anybody may send: for Node, pages and workers alike, so nothing here is Node's.

const MIB = 2 ** 20;

/** A text of random bytes, each one a character; the same for the same seed. */
function randomBytes(length, seed) {
  let state = seed;
  const characters = [];
  for (let i = 0; i < length; i += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    characters.push(String.fromCharCode(state >>> 24));
  }
  return characters.join('');
}

const block = (code) => `t</think>\n<answer>\n\`\`\`python\n${code}\n\`\`\`\n</answer>`;
const fill = (piece) => piece.repeat(Math.floor((MIB - 64) / piece.length));

const CODES = {
  'random bytes': () => randomBytes(MIB - 64, 1),
  'other random bytes': () => randomBytes(MIB - 64, 2),
  'assignments': () => fill('ab = cd + 1\n'),
  'other assignments': () => fill('xy = zw - 2\n'),
  'comments': () => fill('# \n'),
  'quotes': () => fill("'"),
  'triple quotes': () => fill('"""'),
  'placeholders': () => fill('"STRING_PLACEHOLDER_1" '),
  'parentheses': () => fill('('),
  'brackets that nest': () => '['.repeat(200) + ']'.repeat(200),
  'an attribute chain': () => 'a' + '.b'.repeat(995),
  'a call chain': () => 'a' + '()'.repeat(995),
  'a sum': () => '1' + '+1'.repeat(995),
  'a long sum': () => '1' + fill('+1'),
  'negations': () => 'not '.repeat(490) + 'a',
  'many negations': () => fill('not ') + 'a',
  'lambdas': () => 'lambda: '.repeat(490) + 'a',
  'conditions': () => 'a if b else '.repeat(490) + 'a',
  'indentations': () => Array.from({ length: 99 }, (_, i) => `${' '.repeat(i)}if a:`).join('\n') + `\n${' '.repeat(99)}b`,
  'more indentations': () => Array.from({ length: 1400 }, (_, i) => `${' '.repeat(i)}if a:`).join('\n') + `\n${' '.repeat(1400)}b`,
  'elifs': () => 'if a:\n  b\n' + 'elif a:\n  b\n'.repeat(5000),
  'f-strings': () => 'f"{a}" '.repeat(20000),
  'f-strings that nest': () => "f'{".repeat(150) + 'a' + "}'".repeat(150),
  'patterns': () => `match a:\n  case ${'['.repeat(180)}b${']'.repeat(180)}: c`,
  'names of characters': () => fill('"\\N{BULLET}"\n'),
  'nulls': () => fill('\0'),
  'lone surrogates': () => fill('\ud800a\udc00'),
  'emoji': () => fill('"😀"\n'),
  'carriage returns': () => fill('\r'),
  'tags': () => fill('<answer>'),
  'fences': () => fill('```python\na\n```\n'),
};

/** Pairs of completion and target by name; each text is a mebibyte at most. Half a surrogate pair is a completion's alone to have. */
export const HOSTILE = Object.entries(CODES).flatMap(([name, code]) => [
  { name: `${name}, beside itself`, completion: () => block(code()), target: () => code().toWellFormed() },
  { name: `${name}, beside a line`, completion: () => block(code()), target: () => 'a = 1' },
  { name: `a line beside ${name}`, completion: () => block('a = 1'), target: () => code().toWellFormed() },
  { name: `${name} without a block`, completion: code, target: () => 'a = 1' },
]).concat([
  { name: 'two texts of random bytes', completion: () => block(CODES['random bytes']()), target: CODES['other random bytes'] },
  { name: 'two texts of assignments', completion: () => block(CODES.assignments()), target: CODES['other assignments'] },
]);

/** Scores and explains all of them; returns how long the slowest call took and what it was, in seconds. */
export function scoreHostile({ score, explain }, now = () => performance.now()) {
  const slowest = { name: '', seconds: 0 };
  for (const { name, completion, target } of HOSTILE) {
    const [text, code] = [completion(), target()];
    for (const options of [{}, { mode: 'paper' }, { comparison: 'tree', oldCode: 'a = 2' }, { comparison: 'tokens', weights: { format: 1, repetition: 1 } }]) {
      for (const [what, judge] of [['score', score], ['explain', explain]]) {
        const start = now();
        const { total } = judge(text, code, options);
        const seconds = (now() - start) / 1000;
        if (!Number.isFinite(total)) throw new Error(`${what} of ${name}: total is ${total}`);
        if (seconds > slowest.seconds) Object.assign(slowest, { name: `${what} of ${name} by ${JSON.stringify(options)}`, seconds });
      }
    }
  }
  return slowest;
}
