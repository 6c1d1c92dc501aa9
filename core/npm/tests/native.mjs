// What the native program says of the same texts.

import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const program = process.env.RECODE_TRAINER ?? `${process.env.CARGO_TARGET_DIR ?? `${root}target`}/release/recode-trainer`;

/** The results of `recode-trainer COMMAND - FLAGS` for rows in the schema of its lines, without what the lines had themselves. */
export function nativeLines(rows, flags) {
  const input = rows.map(({ completion, target, oldCode }) => JSON.stringify({ completion, target, old_code: oldCode })).join('\n');
  const run = spawnSync(program, ['score', '-', ...flags], { input, encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (run.status !== 0) throw new Error(`${program} score: ${run.error ?? run.stderr}`);
  return run.stdout.trimEnd().split('\n').map((line) => {
    const { completion, target, old_code, ...result } = JSON.parse(line);
    return result;
  });
}

export function nativeAudit(path) {
  const run = spawnSync(program, ['audit', path, '--json'], { encoding: 'utf8', maxBuffer: 2 ** 30 });
  if (run.status !== 0) throw new Error(`${program} audit: ${run.error ?? run.stderr}`);
  return JSON.parse(run.stdout);
}
