// Completions a second in Node beside the native rate, measured one after the other: `node bench.mjs`, after ./build.
//
// The cases are those of `cargo bench -p recode-core --bench reward`, which gives the native numbers; here each call takes strings of
// JavaScript and gives an object. Before and behind the native run, so that a machine that slows down or speeds up is seen.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { readCases } from './tests/cases.mjs';
import { score, scoreBatch } from './src/node.js';

const MODES = ['strict', 'paper'];
const cases = readCases();

/** The best of many rounds, in cases a second: other processes only ever slow a round down. */
function perSecond(round) {
  let best = Infinity;
  for (const begin = performance.now(); performance.now() - begin < 3000; ) {
    const start = performance.now();
    round();
    best = Math.min(best, performance.now() - start);
  }
  return (1000 * cases.length) / best;
}

function measure() {
  return MODES.map((mode) => ({
    score: perSecond(() => {
      for (const { completion, target } of cases) score(completion, target, { mode });
    }),
    scoreBatch: perSecond(() => scoreBatch(cases, { mode })),
  }));
}

function native() {
  const run = spawnSync('cargo', ['bench', '-q', '-p', 'recode-core', '--bench', 'reward'], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return MODES.map((mode) => {
    const rate = run.stdout.match(new RegExp(`^score, ${mode} +1 thread\\(s\\) +(\\d+) completions/s`, 'm'));
    if (!rate) throw new Error(`cargo bench gave no rate of ${mode} mode:\n${run.stdout}`);
    return Number(rate[1]);
  });
}

const before = measure();
const rates = native();
const behind = measure();

console.log(`${cases.length} cases, one thread, completions a second; Node ${process.version}`);
let slow = false;
MODES.forEach((mode, i) => {
  for (const name of ['score', 'scoreBatch']) {
    const rate = Math.max(before[i][name], behind[i][name]);
    const share = rate / rates[i];
    slow ||= share < 0.5;
    console.log(
      `${mode.padEnd(6)}  native ${rates[i].toFixed(0).padStart(7)}   ${name.padEnd(10)} ${rate.toFixed(0).padStart(7)}   ${(100 * share).toFixed(0)} %`,
    );
  }
});
if (slow) {
  console.error('less than half of the native rate');
  process.exitCode = 1;
}
