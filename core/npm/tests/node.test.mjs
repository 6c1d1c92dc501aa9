// The functions in Node: the native numbers, what is refused and how, and that it goes on after anything.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import * as reward from '../src/node.js';
import { RULES, readMigrations } from './cases.mjs';
import { scoreHostile } from './hostile.mjs';
import { nativeAudit, nativeLines } from './native.mjs';

const { audit, emStar, esStar, explain, explainText, formatReward, init, score, scoreBatch } = reward;

const answer = (code) => `It is gone.</think>\n<answer>\n\`\`\`python\n${code}\n\`\`\`\n</answer>`;
const [OLD, NEW] = ['np.row_stack(rows)', 'np.vstack(rows)'];

for (const { name, flags, options } of RULES) {
  test(`scores and explanations by the rules "${name}" are the native ones`, () => {
    const rows = readMigrations();
    const native = nativeLines(rows, flags);
    assert.deepEqual(scoreBatch(rows, options), native);
    rows.forEach(({ completion, target, oldCode }, i) => {
      assert.deepEqual(score(completion, target, { ...options, oldCode }), native[i]);
    });
    const explanations = nativeLines(rows, [...flags, '--explain']);
    rows.forEach(({ completion, target, oldCode }, i) => {
      assert.deepEqual(explain(completion, target, { ...options, oldCode }), explanations[i]);
    });
  });
}

test('without options the rules are the strict ones', () => {
  const { total, similarity } = score(answer(NEW), NEW);
  assert.deepEqual([total, similarity], [1 + 2, 1]);
  assert.deepEqual(score(answer(NEW), NEW, {}), score(answer(NEW), NEW, { mode: 'strict', comparison: 'characters', weights: undefined }));
});

test('old code, weights and length count', () => {
  const weights = { format: 1, edit_gain: 1 };
  assert.equal(score(answer(OLD), NEW, { oldCode: OLD, weights }).total, 1 - 0.8);
  assert.equal(score(answer(NEW), NEW, { oldCode: OLD, weights }).total, 1 + 2);
  // 90 of at most 100, the last 20 of which are penalized: half of -1.
  const overlong = { weights: { overlong: 4 }, overlong: { max_length: 100, buffer: 20 } };
  assert.equal(score(answer(NEW), NEW, { ...overlong, length: 90 }).total, -2);
  assert.equal(scoreBatch([{ completion: '', target: '', length: 85, id: 7 }], overlong)[0].total, -1);
});

test('single rewards are the fields of the breakdown', () => {
  assert.equal(formatReward(answer('')), 1);
  assert.equal(formatReward('no tags', { mode: 'paper' }), -1);
  // Two answers: the reference lets them through.
  const twice = 't</think><answer>a</answer><answer>b</answer>';
  assert.deepEqual([formatReward(twice), formatReward(twice, { mode: 'paper' })], [-1, 1]);
  // 4 characters more of 18: similarity 14 / 18.
  assert.ok(Math.abs(esStar(answer(OLD), NEW) - (3.5 * (14 / 18) - 1.5)) < 1e-12);
  assert.deepEqual([emStar(answer(NEW), NEW), emStar(answer(OLD), NEW), emStar('', NEW)], [2, -1.5, -2]);
});

test('an explanation says where and why, as data and as a text', () => {
  const completion = answer(`${OLD}  # é 😀`);
  const { code, components, edits } = explain(completion, NEW, { oldCode: OLD });
  assert.equal(completion.slice(code.utf16.start, code.utf16.end), `${OLD}  # é 😀`);
  assert.equal(components.find(({ part }) => part === 'format').why, null);
  assert.equal(edits.lines.length, 1);
  assert.match(explainText(completion, NEW), /np\.\[-row_-\]\{\+v\+\}stack\(rows\)/);
});

test('an audit finds what the native one finds', (t) => {
  const path = `${process.env.RECODE_SHARED}/data/api_update.jsonl`;
  if (!process.env.RECODE_SHARED) return t.skip('RECODE_SHARED names the folder with api_update.jsonl');
  const rows = readFileSync(path, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
  const [ours, native] = [audit(rows), nativeAudit(path)];
  for (const field of ['counts', 'spellings', 'sound']) assert.deepEqual(ours[field], native[field], field);
  assert.equal(ours.total, rows.length);
  const kinds = ({ sound, findings }) => [sound, ...findings.map(({ kind }) => kind)];
  assert.deepEqual(ours.rows.map((found) => [found.row + 1, ...kinds(found)]), native.rows.map((found) => [found.line, ...kinds(found)]));
});

test('an audit takes whatever stands in the data', () => {
  const row = { dependency: 'numpy', new_version: '>=2.0', description: '', update_info: 'u', old_code: OLD, new_code: NEW };
  const rows = [row, row, {}, [], { ...row, old_code: null, new_code: 7n, update_info: { toJSON: 1 }, new_version: Symbol('v'), dependency: '\ud800' }];
  const report = audit(rows, { maxPromptLength: 10 });
  assert.deepEqual([report.total, report.sound, report.rows.map(({ row }) => row)], [5, 0, [0, 1, 2, 3, 4]]);
  assert.deepEqual(report.rows[1].findings.map(({ kind }) => kind), ['duplicate', 'too_long']);
  assert.equal(report.rows[1].findings[0].message, 'the same as row 0, counted from 0');
  const found = (index) => Object.fromEntries(report.rows[index].findings.map(({ field, found }) => [field, found]));
  assert.deepEqual(found(4), {
    dependency: 'string with half a surrogate pair',
    new_version: 'symbol',
    update_info: 'object',
    old_code: undefined,
    new_code: 'number',
  });
  assert.deepEqual(audit([row]), { total: 1, sound: 1, counts: {}, spellings: [], rows: [] });
  assert.deepEqual(audit([]), { total: 0, sound: 0, counts: {}, spellings: [], rows: [] });
});

test('what is wrong is named, with a way out, and the next call works', () => {
  const faults = [
    [() => score(1, NEW), TypeError, 'completion is a number, but must be a string'],
    [() => score('a'), TypeError, 'target is undefined, but must be a string'],
    [() => score('a', null), TypeError, 'target is null, but must be a string'],
    [() => score('a', 'b', null), TypeError, 'options is null, but must be an object'],
    [() => score('a', 'b', []), TypeError, 'options is an array, but must be an object'],
    [() => score('a', 'b', { modes: 'paper' }), TypeError, 'options.modes is not known: there are mode, comparison, weights, overlong, oldCode, length'],
    [() => score('a', 'b', { old_code: 'c' }), TypeError, 'options.old_code is not known: it is called oldCode here'],
    [() => score('a', 'b', { mode: 1 }), TypeError, 'options.mode is a number, but must be a string'],
    [() => score('a', 'b', { mode: 'lax' }), Error, 'unknown reward mode `lax`: use `paper` or `strict`'],
    [() => score('a', 'b', { comparison: '\ud800' }), Error, 'unknown comparison `\ufffd`: use `characters`, `tokens` or `tree`'],
    [() => score('a', 'b', { mode: 'paper', comparison: 'tree' }), Error, 'mode paper compares characters, as the reference does: comparison tree wants mode strict'],
    [() => score('a', 'b', { weights: ['format'] }), TypeError, 'options.weights is an array, but must be an object of numbers, as in { format: 1, edit_gain: 1 }'],
    [() => score('a', 'b', { weights: new Map([['format', 1]]) }), TypeError, 'options.weights is a Map, but must be an object of numbers, as in { format: 1, edit_gain: 1 }'],
    [() => score('a', 'b', { weights: { format: '1' } }), TypeError, 'options.weights.format is a string, but must be a number'],
    [() => score('a', 'b', { weights: { format: NaN } }), RangeError, 'options.weights.format is NaN, but must be finite'],
    [() => score('a', 'b', { weights: { format: 0 } }), Error, 'the weight of format is 0: use a number from -1e6 to 1e6 other than 0, or leave the part out'],
    [() => score('a', 'b', { weights: {} }), Error, 'no part has a weight: every total would be 0'],
    [() => score('a', 'b', { weights: { edit_gain: 1 } }), Error, 'oldCode is missing, from which edit_gain counts'],
    [() => score('a', 'b', { oldCode: 1 }), TypeError, 'options.oldCode is a number, but must be a string'],
    [() => score('a', 'b', { length: 1.5 }), RangeError, 'options.length is 1.5, but must be a whole number from 0 to 4294967295'],
    [() => score('a', 'b', { overlong: { max_length: 9 } }), TypeError, 'options.overlong.buffer is undefined, but must be a whole number'],
    [() => score('a', 'b', { overlong: { max_length: 9, buffer: 10 } }), Error, 'overlong: buffer is 10, but must be from 1 to max_length, 9'],
    [() => score('a', 'b', { weights: { overlong: 1 }, overlong: { max_length: 9, buffer: 1 } }), Error, 'length is missing, which overlong counts'],
    [() => scoreBatch('a'), TypeError, 'rows is a string, but must be an array of { completion, target }'],
    [() => scoreBatch([{ completion: 'a', target: 'b' }, null]), TypeError, 'rows[1] is null, but must be { completion, target }'],
    [() => scoreBatch([{ completion: 'a' }]), TypeError, 'rows[0].target is undefined, but must be a string'],
    [() => scoreBatch([{ completion: 'a', target: 'b', old_code: 'c' }]), TypeError, 'rows[0].old_code is not known: it is called oldCode here'],
    [() => scoreBatch([{ completion: 'a', target: 'b' }], { weights: { edit_gain: 1 } }), Error, 'rows[0]: oldCode is missing, from which edit_gain counts'],
    [() => scoreBatch([], { oldCode: 'a' }), TypeError, 'options.oldCode is not known: each row has its own, as in { completion, target, oldCode }'],
    [() => scoreBatch([], { mode: 'lax' }), Error, 'unknown reward mode `lax`: use `paper` or `strict`'],
    [() => explain('a'), TypeError, 'target is undefined, but must be a string'],
    [() => formatReward('a', { comparison: 'tree' }), TypeError, 'options.comparison is not known: there is mode'],
    [() => formatReward('a', { mode: 'lax' }), Error, 'unknown reward mode `lax`: use `paper` or `strict`'],
    [() => audit({}), TypeError, 'rows is an object, but must be an array of migrations'],
    [() => score('a', 'b', { oldCode: 'print c', weights: { edit_gain: 1 } }), Error, 'edit_gain counts from the old code, but the old code is not Python: Simple statements must be separated by newlines or semicolons (line 1, column 7); leave the row out, or edit_gain out of the weights'],
    [() => audit([1]), TypeError, 'rows[0] is a number, but must be an object'],
    [() => audit([], { maxPromptLength: -1 }), RangeError, 'options.maxPromptLength is -1, but must be a whole number from 0 to 4294967295'],
  ];
  for (const [call, { name }, message] of faults) {
    assert.throws(call, (error) => {
      assert.deepEqual([error.name, error.message], [name, message]);
      return true;
    });
    assert.equal(score(answer(NEW), NEW).total, 3, message);
  }
});

test('half a surrogate pair counts as U+FFFD in a completion, and is an error in what it is held against', () => {
  for (const lone of ['\ud800', '\udc00', 'a\ud83d', '\udc00\ud800']) {
    const [code, formed] = [`x = "${lone}"`, `x = "${lone.toWellFormed()}"`];
    assert.deepEqual(score(answer(code), formed), score(answer(formed), formed));
    assert.equal(score(answer(code), formed).similarity, 1);
    assert.equal(score(`${lone}${answer(NEW)}`, NEW).similarity, 1);
    for (const [broken, name] of [
      [() => score('a', code), 'target'],
      [() => explain('a', 'b', { oldCode: lone }), 'options.oldCode'],
      [() => scoreBatch([{ completion: 'a', target: lone }]), 'rows[0].target'],
    ]) {
      assert.throws(broken, { name: 'RangeError', message: `${name} has half a surrogate pair, so it is no text: mend the data, or leave the row out` });
    }
    // Both are one unit of UTF-16, so that places stay right.
    const completion = lone + answer(NEW);
    const { code: place } = explain(completion, NEW);
    assert.equal(completion.slice(place.utf16.start, place.utf16.end), NEW);
  }
});

test('a caller at the end of the stack gets an error, and the next call works', () => {
  const expected = score(answer(NEW), NEW, { oldCode: OLD });
  let failed = 0;
  function deeper() {
    try {
      deeper();
    } catch {
      // The end: the way back begins.
    }
    // Level by level a little more of the stack is free, so that calls end everywhere in the instance, and at last come through.
    if (failed > 400) return;
    try {
      // Another target each time: what was kept of a row whose call did not end would be in its way.
      const breakdown = score(answer(NEW), `${NEW}  # ${failed}`, { oldCode: OLD });
      if (JSON.stringify(breakdown) !== JSON.stringify(expected)) failed = Infinity;
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      failed += 1;
    }
  }
  deeper();
  assert.ok(failed > 0 && Number.isFinite(failed), `${failed}`);
  assert.deepEqual(score(answer(NEW), NEW, { oldCode: OLD }), expected);
});

test('no text of a mebibyte stops it or takes long', (t) => {
  const { name, seconds } = scoreHostile(reward);
  t.diagnostic(`slowest: ${name}, ${seconds.toFixed(2)} s`);
  assert.ok(seconds < 20, `${name} took ${seconds} s`);
});

test('init may be called, as in a browser', async () => {
  await init();
  await init();
  assert.equal(esStar(answer(NEW), NEW), 2);
});

test('what a page loads stays within 700 KB, gzipped', (t) => {
  const files = ['src/browser.js', 'src/api.js', 'src/arguments.js', 'src/instance.js', 'wasm/reward.js', 'wasm/reward_bg.wasm'];
  const bytes = files.map((file) => gzipSync(readFileSync(new URL(`../${file}`, import.meta.url)), { level: 9 }).length);
  const total = bytes.reduce((sum, size) => sum + size);
  t.diagnostic(`${total} bytes gzipped`);
  assert.ok(total <= 700_000, `${total} bytes`);
});
