// Completions and targets to score: the 3,600 shared cases where RECODE_SHARED names them, else those that ship with core's tests.

import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../../../', import.meta.url);

export function readCases() {
  const { RECODE_SHARED } = process.env;
  const shared = RECODE_SHARED ? `${RECODE_SHARED}/data/reward_cases.jsonl` : fileURLToPath(new URL('../shared/data/reward_cases.jsonl', root));
  // Who names the folder wants these cases.
  const path = RECODE_SHARED || existsSync(shared) ? shared : fileURLToPath(new URL('core/tests/golden/reward_cases.jsonl', root));
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => {
    const { completion, target } = JSON.parse(line);
    return { completion, target };
  });
}

/** The cases, every third with the target of the next one as its old code: enough alike to be counted from, and different. */
export function readMigrations() {
  const cases = readCases();
  return cases.map((row, i) => (i % 3 === 0 ? { ...row, oldCode: cases[(i + 1) % cases.length].target } : row));
}

/** Rules to score them by, as the command line takes them and as the package does. */
export const RULES = [
  { name: 'strict', flags: [], options: {} },
  { name: 'paper', flags: ['--reward', 'paper'], options: { mode: 'paper' } },
  { name: 'tokens', flags: ['--compare', 'tokens'], options: { comparison: 'tokens' } },
  { name: 'tree', flags: ['--compare', 'tree'], options: { comparison: 'tree' } },
  {
    name: 'weights',
    flags: ['--weights', 'format=1,em_star=0.5,repetition=2'],
    options: { weights: { format: 1, em_star: 0.5, repetition: 2 } },
  },
];
