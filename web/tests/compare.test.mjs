// The page "Compare": which of two checkpoints is better, by mouse and by keys, in both themes and on a narrow screen, and with files that mean harm.
//
// RECODE_RUN=FOLDER, a run of the trainer with evaluations, is compared as well.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addressOf, answer, AXE, browser, SCREENSHOTS, server, TRAINER } from './playground.mjs';


/** Opens the page with the verdict on the bundled pair, and holds it to having complained of nothing. */
async function opened(t, { hash = '#/compare', origin = server.origin, waits = true, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  await page.goto(`${origin}${hash}`);
  if (waits) await page.getByTestId('compare-verdict').waitFor();
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  return page;
}

async function give(page, files) {
  await page.getByTestId('open-answers').setInputFiles(Object.entries(files).map(([name, text]) => ({ name, mimeType: '', buffer: Buffer.from(text) })));
}

const verdict = (page) => page.getByTestId('compare-verdict').innerText();
const becomes = (page, id, said) => page.getByTestId(id).filter({ hasText: said }).waitFor();
const examples = (page) => page.getByTestId('pair').evaluateAll((rows) => rows.map((row) => row.cells[0].innerText));

/** A line of an evaluation, its reward as strict rules have it: the target, or a copy of the old code. */
const line = (row, right, more = {}) => {
  const [old, target] = [`np.row_stack(a${row})`, `np.vstack(a${row})`];
  return JSON.stringify({ row, dependency: 'numpy', update_info: `u${row % 5}`, old_code: old, new_code: target, completion: answer(right ? target : old), finish_reason: 'eos', ...more });
};
const A = [1, 2, 3, 4, 5, 5].map((row) => line(row, row === 1)).join('\n');
const B = [line(1, false), line(2, true), line(3, true, { new_code: 'other' }), line(6, true)].join('\n');

test('the page opens with a real pair, loaded only here', async (t) => {
  const begun = server.asked.length;
  const page = await opened(t);
  assert.match(await page.getByTestId('join').innerText(), /^96 examples are in both; none is missing, doubled or changed\.$/);
  assert.match(await verdict(page), /^B is ahead of A: 0\.280 ± 0\.\d+ reward, an interval with 0 in it, on 96 pairs; B has 27 wins, 13 losses, 56 ties, 0 unmatched\.$/);
  assert.match(await page.getByTestId('method').innerText(), /95 % interval.*Student's t.*McNemar's exact test on wins and losses: p = 0\.038; it is hardly by chance that one side wins more often/);
  for (const check of await page.getByTestId('file-check').allInnerTexts()) assert.match(check, /all 96 logged rewards computed again, by strict/);
  const asked = server.asked.slice(begun).map(({ path }) => path);
  assert.ok(!asked.some((path) => path.endsWith('editor.js')), `${asked}`);
  assert.equal(asked.filter((path) => path.endsWith('.wasm')).length, 1);
});

test("the demo's files are offered where they are not on their way", async (t) => {
  const page = await opened(t, { hash: '', waits: false });
  await page.getByTestId('total').waitFor();
  let letGo;
  const held = new Promise((done) => (letGo = done));
  await page.route('**/demo-before.jsonl', async (route) => {
    await held;
    await route.continue();
  });
  const asked = page.waitForRequest('**/demo-before.jsonl');
  await page.keyboard.press('2');
  await asked;
  await page.getByTestId('not-comparable').waitFor();
  assert.equal(await page.getByTestId('show-demo').count(), 0);
  letGo();
  await page.getByTestId('compare-verdict').waitFor();
});

test('files and choices are there when one comes back from another page, and the address says what is', async (t) => {
  const page = await opened(t);
  await give(page, { 'a.jsonl': A, 'b.jsonl': B });
  await becomes(page, 'join', /^2 examples/);
  await page.keyboard.press('x');
  await page.keyboard.press('l');
  await becomes(page, 'shown', /^1 of 2 pairs/);
  await page.keyboard.press('j');
  await becomes(page, 'drawer-title', /^row 2/);
  const begun = server.asked.length;
  for (const there of ['1', '2']) {
    await page.keyboard.press(there);
    if (there === '1') await page.getByTestId('total').waitFor();
    // By the tab, whose link carries nothing; once from another page, once from this one.
    await page.getByRole('link', { name: 'Compare' }).click();
    await becomes(page, 'shown', /^1 of 2 pairs/);
    await becomes(page, 'drawer-title', /^row 2/);
    assert.deepEqual(await page.locator('.file-name').allInnerTexts(), ['a.jsonl', 'b.jsonl']);
    assert.match(await page.evaluate(() => location.hash), /^#\/compare\?own=[0-9a-f]{12}\/a\.jsonl&own=[0-9a-f]{12}\/b\.jsonl&a=1&b=0&only=loss&pair=2$/);
  }
  assert.ok(!server.asked.slice(begun).some(({ path }) => path.includes('demo')), 'what came with the page is not fetched again');
});

test('what two files do not share is said first, and counted', async (t) => {
  const page = await opened(t);
  await give(page, { 'a.jsonl': A, 'b.jsonl': B });
  await becomes(page, 'join', /^2 examples are in both; 1 only in A, 1 only in B, 1 doubled, 1 changed\.$/);
  assert.match(await verdict(page), /on 2 pairs; B has 1 win, 1 loss, 0 ties, 4 unmatched/);
  await page.getByTestId('unmatched').locator('summary').click();
  const told = await page.getByTestId('unmatched').innerText();
  for (const said of [/only in A: row 4 \(line 4\)/, /only in B: row 6 \(line 4\)/, /doubled.*row 5 \(lines of A: 5, 6; of B: none\)/, /changed.*row 3 \(line 3 of A, 3 of B\)/]) assert.match(told, said);
  for (const check of await page.getByTestId('file-check').allInnerTexts()) assert.match(check, /no rewards were logged/);
});

test('a reward that the page does not compute again is found', async (t) => {
  const page = await opened(t);
  const logged = { format: 1, es_star: 2, em_star: 2, total: 3 };
  await give(page, { 'a.jsonl': [1, 2, 3].map((row) => line(row, true, logged)).join('\n'), 'b.jsonl': [line(1, true, logged), line(2, false, logged), line(3, true, logged)].join('\n') });
  await becomes(page, 'join', /^3 examples/);
  assert.match(await page.getByTestId('file-check').nth(1).innerText(), /1 of 3 logged rewards are not what strict gives/);
  await page.getByRole('button', { name: '1 not the logged rewards' }).click();
  assert.deepEqual(await examples(page), ['row 2']);
  await page.getByTestId('basis').selectOption('logged');
  await becomes(page, 'compare-verdict', /0 wins, 0 losses, 3 ties/);
});

test('every count is a filter, and the address carries it', async (t) => {
  const page = await opened(t);
  await page.getByRole('button', { name: '13 losses', exact: true }).click();
  await becomes(page, 'shown', /^13 of 96 pairs/);
  await page.waitForURL(/only=loss/);
  await page.getByTestId('sort-difference').click();
  const values = await page.getByTestId('pair').evaluateAll((rows) => rows.map((row) => Number(row.cells[4].innerText)));
  assert.deepEqual(values, [...values].sort((a, b) => a - b));
  await page.getByTestId('active-filter').click();
  await becomes(page, 'shown', /^96 of 96/);
  await page.getByTestId('histogram-table').locator('summary').click();
  const count = page.getByTestId('histogram-table').getByRole('button').first();
  const pairs = await count.innerText();
  await count.click();
  await becomes(page, 'shown', new RegExp(`^${pairs} of 96`));
  await page.getByTestId('measure').selectOption('edit_gain');
  await becomes(page, 'shown', /^96 of 96/);
  await page.waitForURL(/by=edit_gain/);
  const other = await opened(t, { hash: '#/compare?by=es_star&only=win&rules=paper' });
  assert.equal(await other.getByTestId('measure').inputValue(), 'es_star');
  assert.equal(await other.getByTestId('basis').inputValue(), 'paper');
  assert.match(await other.getByTestId('active-filter').innerText(), /B wins/);
});

test('an opened pair shows prompt, both answers, both rewards and three differences', async (t) => {
  const page = await opened(t);
  await page.getByTestId('pair').nth(2).click();
  await becomes(page, 'drawer-title', /^row 3: B wins, \+0\.313$/);
  const drawer = page.getByTestId('drawer');
  assert.match(await drawer.getByTestId('prompt').innerText(), /read_csv lost its keyword squeeze/);
  assert.deepEqual([await drawer.getByTestId('waterfall').count(), await drawer.getByTestId('completion').count(), await drawer.getByTestId('diff').count()], [2, 2, 3]);
  assert.match(await drawer.getByTestId('answer-b').getByRole('img').getAttribute('aria-label'), /total of \+2\.373/);
  await page.getByTestId('close-drawer').click();
  await drawer.waitFor({ state: 'detached' });
});

test('keys alone go through it', async (t) => {
  const page = await opened(t);
  await page.keyboard.press('w');
  await becomes(page, 'shown', /^27 of 96/);
  await page.keyboard.press('j');
  await page.keyboard.press('j');
  await page.getByTestId('drawer').waitFor();
  assert.equal(await page.locator('tr[aria-selected="true"]').getAttribute('aria-rowindex'), '3');
  await page.keyboard.press('k');
  assert.equal(await page.locator('tr[aria-selected="true"]').getAttribute('aria-rowindex'), '2');
  await page.keyboard.press('Escape');
  await page.getByTestId('drawer').waitFor({ state: 'detached' });
  await page.keyboard.press('t');
  await becomes(page, 'shown', /^56 of 96/);
  await page.keyboard.press('n');
  await becomes(page, 'shown', /^22 of 96/);
  await page.keyboard.press('x');
  await becomes(page, 'compare-verdict', /^A is ahead of B.*13 wins, 27 losses/);
  await page.getByRole('group', { name: /dots of the scatter/ }).focus();
  await page.keyboard.press('ArrowRight');
  await becomes(page, 'dot', /^A -1\.000, B -?\d\.\d+: \d+ pairs?$/);
  await page.keyboard.press('Enter');
  await page.getByTestId('drawer').waitFor();
  await page.keyboard.press('1');
  await page.getByTestId('total').waitFor();
  await page.keyboard.press('2');
  await page.getByTestId('compare-verdict').waitFor();
});

test('more than two files stand against a baseline that one chooses', async (t) => {
  const page = await opened(t);
  const of = (right) => [1, 2, 3, 4].map((row) => line(row, right(row))).join('\n');
  await give(page, { 'none.jsonl': of(() => false), 'half.jsonl': of((row) => row % 2), 'all.jsonl': of(() => true) });
  await page.getByTestId('summary-row').nth(2).waitFor();
  await becomes(page, 'compare-verdict', /2 wins, 0 losses, 2 ties/);
  await page.getByTestId('loaded-file').nth(2).getByRole('radio', { name: 'A' }).check();
  await becomes(page, 'compare-verdict', /0 wins, 2 losses, 2 ties/);
  assert.match(await page.getByTestId('summary-row').nth(0).innerText(), /none\.jsonl/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('save-csv').click()]);
  assert.match(await readFile(await download.path(), 'utf8'), /^example,a_line,.*\r\nrow 1,1,1,tie,3/);
  for (const name of ['scatter', 'histogram', 'outcomes']) {
    const [chart] = await Promise.all([page.waitForEvent('download'), page.getByTestId(`save-${name}`).click()]);
    assert.match(await readFile(await chart.path(), 'utf8'), /^<svg/);
  }
});

test('what is wrong with a file is said by line, and the rest is there', async (t) => {
  const page = await opened(t);
  await give(page, { 'a.jsonl': A, 'mixed.jsonl': [line(1, true), '{"row": 2}', '[1]', '{"step": 1, "learning_rate": 1}', '{"completion": "c", "row": "x"}', '{"completion": "cut'].join('\n'), 'latin.jsonl': Buffer.from('{"row": 1, "completion": "caf\u00e9"}', 'latin1') });
  await page.getByTestId('faults').nth(1).waitFor();
  const faults = await page.getByTestId('faults').first().innerText();
  for (const said of [/mixed\.jsonl:2: completion is missing/, /:3: not an object/, /:4: a line of a run's metrics/, /:5: row is a text; expected a whole number/, /:6: the line ends within its object: was the file cut off\?/]) assert.match(faults, said);
  assert.match(await page.getByTestId('faults').nth(1).innerText(), /not UTF-8/);
  await becomes(page, 'compare-verdict', /on 1 pair;/);
});

test('a file that holds nothing to compare says what it is', async (t) => {
  const page = await opened(t);
  await give(page, { 'empty.jsonl': '', 'packed.jsonl.gz': Buffer.from([0x1f, 0x8b, 8, 0, 10]), 'picture.png': Buffer.from([0x89, 0x50, 0x4e, 0x47, 10, 0xff, 10]) });
  await becomes(page, 'file-facts', 'empty: expected JSON Lines, an answer a line');
  await page.getByTestId('loaded-file').filter({ hasText: 'not read' }).filter({ hasText: 'a packed file (gzip): unpack it first' }).waitFor();
  await page.getByTestId('loaded-file').filter({ hasText: 'picture.png' }).filter({ hasText: 'not UTF-8 text: its first line' }).waitFor();
  assert.equal(await page.getByTestId('faults').count(), 0);
});

test('an unknown reason and a number that is none leave their lines', async (t) => {
  const page = await opened(t);
  await give(page, { 'a.jsonl': A, 'odd.jsonl': [line(1, true, { finish_reason: 'tired' }), line(2, true, { total: 9 }).replace(':9', ':NaN'), line(3, true)].join('\n') });
  await becomes(page, 'compare-verdict', /on 3 pairs/);
  const remarks = await page.getByTestId('remarks').innerText();
  for (const said of [/2 lines read without a value/, /odd\.jsonl:1: finish_reason is `tired`, not eos, stop or length/, /odd\.jsonl:2: total is NaN, for which JSON has no number/]) assert.match(remarks, said);
});

test('files of one name are told apart, and those that share nothing say why', async (t) => {
  const page = await opened(t);
  await give(page, { 'after.jsonl': line(1, true) });
  await give(page, { 'after.jsonl': line(7, true) });
  await becomes(page, 'none-shared', "None of A's examples is in B: A has row 1, B has row 7.");
  assert.deepEqual(await page.locator('.file-name').allInnerTexts(), ['after.jsonl', 'after.jsonl (2)']);
  assert.match(await page.getByTestId('summary-row').nth(1).innerText(), /after\.jsonl \(2\)/);
  assert.match(await page.getByTestId('file-facts').first().innerText(), /, 1 answer,/);
});

test('an address is asked about, and another site is not asked', async (t) => {
  const begun = server.asked.length;
  const page = await opened(t, { hash: '#/compare?file=demo-after.jsonl&file=demo-before.jsonl', waits: false });
  await page.getByTestId('loaded-file').nth(1).waitFor();
  assert.match(await page.getByTestId('ask').innerText(), /Fetch these\?.*demo-after\.jsonl/s);
  await page.waitForTimeout(300);
  const asked = () => server.asked.slice(begun).filter(({ path }) => path.includes('demo-')).length;
  // The page's own two, which are the same.
  assert.equal(asked(), 2);
  await page.getByTestId('ask-yes').click();
  await becomes(page, 'compare-verdict', /13 wins, 27 losses/);
  assert.equal(asked(), 4);
  await page.getByTestId('address').fill('https://example.com/a.jsonl');
  await page.getByTestId('address-add').click();
  await becomes(page, 'open-failure', /another site.*download it and open it here/);
});

test('a side that is no file is named, and pictures say whose they are', async (t) => {
  const page = await opened(t, { hash: '#/compare?a=99&b=1', waits: false });
  await page.getByTestId('loaded-file').nth(1).waitFor();
  await becomes(page, 'not-comparable', 'a=99 is none of the 2 files that are open, counted from 0: choose A and B among them.');
  const other = await opened(t);
  for (const [name, said] of [['scatter', /A: demo\/eval\/before\.jsonl<.*B: demo\/eval\/after\.jsonl<.*B better/s], ['histogram', /A, filled: demo\/eval\/before.*B, outlined: demo\/eval\/after/s], ['outcomes', /B: demo\/eval\/after.*against A: demo\/eval\/before/s]]) {
    const [download] = await Promise.all([other.waitForEvent('download'), other.getByTestId(`save-${name}`).click()]);
    assert.match(await readFile(await download.path(), 'utf8'), said);
  }
  await other.getByTestId('histogram-table').locator('summary').click();
  const [numbers] = await Promise.all([other.waitForEvent('download'), other.getByTestId('save-histogram-numbers').click()]);
  assert.match(await readFile(await numbers.path(), 'utf8'), /^reward from,to,A,B\r\n-3\.00,-2\.75,1,0\r\n/);
});

test("a link's sides are its own files, whatever is open", async (t) => {
  const page = await opened(t);
  await give(page, { 'a.jsonl': A, 'b.jsonl': B });
  await becomes(page, 'join', /^2 examples/);
  await page.evaluate(() => (location.hash = '#/compare?file=demo-before.jsonl&file=demo-after.jsonl&a=1&b=0'));
  await page.getByTestId('ask').waitFor();
  await becomes(page, 'not-comparable', "Nothing is compared until the link's files are open");
  await page.getByTestId('ask-no').click();
  await becomes(page, 'join', /^2 examples/);
  await page.waitForURL(/own=/);
  await page.evaluate(() => (location.hash = '#/compare?file=demo-before.jsonl&file=demo-after.jsonl&a=1&b=0'));
  await page.getByTestId('ask-yes').click();
  await becomes(page, 'compare-verdict', /13 wins, 27 losses/);
  await page.waitForURL(/#\/compare\?file=demo-before\.jsonl&file=demo-after\.jsonl&a=1&b=0$/);
});

test("a link about one's own files names them, and they have to be the same", async (t) => {
  const page = await opened(t);
  assert.equal(await page.getByTestId('left-behind').count(), 0);
  await give(page, { 'a.jsonl': A, 'b.jsonl': B });
  await becomes(page, 'left-behind', 'a.jsonl and b.jsonl of your own do not travel with the link');
  await page.waitForURL(/own=[0-9a-f]{12}\/a\.jsonl&own=[0-9a-f]{12}\/b\.jsonl$/);
  const hash = await page.evaluate(() => location.hash);
  const other = await opened(t, { hash, waits: false });
  await becomes(other, 'linked', 'This link is about a.jsonl and b.jsonl, which it does not carry: open them here.');
  // Numbers of other files are none of this link's.
  await other.getByTestId('not-comparable').waitFor();
  await give(other, { 'b.jsonl': line(9, true) });
  await becomes(other, 'linked', /b\.jsonl is another file here than the link's \([0-9a-f]{12}, not [0-9a-f]{12}\).*This link is about a\.jsonl/s);
  await give(other, { 'b.jsonl': B, 'a.jsonl': A });
  await becomes(other, 'join', /^2 examples/);
  assert.equal(await other.getByTestId('linked').innerText(), '');
  const third = await opened(t, { hash, waits: false });
  await third.getByTestId('show-demo').click();
  await becomes(third, 'join', /^96 examples/);
});

test('nothing else is compared under a link, until somebody chooses otherwise', async (t) => {
  const page = await opened(t);
  const hash = '#/compare?own=111111111111/a.jsonl&own=222222222222/b.jsonl';
  await page.evaluate((hash) => (location.hash = hash), hash);
  await becomes(page, 'not-comparable', "Nothing is compared until the link's files are open");
  assert.equal(await page.getByTestId('compare-verdict').count(), 0);
  await give(page, { 'c.jsonl': A, 'd.jsonl': B });
  await page.getByTestId('loaded-file').filter({ hasText: 'd.jsonl' }).filter({ hasText: '4 answers' }).waitFor();
  assert.equal(await page.getByRole('radio', { checked: true }).count(), 0);
  assert.equal(await page.evaluate(() => location.hash), hash);
  await page.getByTestId('loaded-file').nth(0).getByRole('radio', { name: 'A' }).check();
  await becomes(page, 'join', /^2 examples/);
  await becomes(page, 'left-behind', 'c.jsonl and d.jsonl of your own do not travel with the link');
  await page.waitForURL(/#\/compare\?own=[0-9a-f]{12}\/c\.jsonl&own=[0-9a-f]{12}\/d\.jsonl$/);
  // The link's come too late.
  await give(page, { 'a.jsonl': line(9, true), 'b.jsonl': line(9, true) });
  await page.getByTestId('loaded-file').nth(3).filter({ hasText: '1 answer' }).waitFor();
  await becomes(page, 'join', /^2 examples/);
});

test('a link that opens a pair leaves "Back" to close it', async (t) => {
  const page = await opened(t, { hash: '#/compare?pair=3' });
  await becomes(page, 'drawer-title', /^row 3/);
  await page.goBack();
  await page.getByTestId('drawer').waitFor({ state: 'detached' });
  await page.waitForURL(/#\/compare$/);
  assert.match(await verdict(page), /on 96 pairs/);
});

test('a wrong file takes nothing away, and the same one is noticed', async (t) => {
  const page = await opened(t);
  await give(page, { 'photo.png': '\x89PNG\n' });
  await becomes(page, 'loaded-file', /photo\.png/);
  await page.getByTestId('loaded-file').filter({ hasText: /not JSON|could not be read/ }).waitFor();
  assert.match(await verdict(page), /on 96 pairs/);
  await give(page, { 'a.jsonl': A, 'again.jsonl': A });
  await becomes(page, 'file-twin', 'The same content as a.jsonl.');
  assert.equal(await page.getByTestId('bundled').count(), 0);
});

test('an opened pair is in the address, and Back closes it', async (t) => {
  const page = await opened(t, { hash: '', waits: false });
  await page.getByTestId('total').waitFor();
  await page.keyboard.press('2');
  await page.getByTestId('compare-verdict').waitFor();
  await page.keyboard.press('w');
  await page.waitForURL(/only=win$/);
  await page.keyboard.press('j');
  await page.waitForURL(/only=win&pair=\d+$/);
  const hash = await page.evaluate(() => location.hash);
  const title = await page.getByTestId('drawer-title').filter({ hasText: 'wins' }).innerText();
  await page.goBack();
  await page.getByTestId('drawer').waitFor({ state: 'detached' });
  await page.waitForURL(/#\/compare\?only=win$/);
  // "Forward" opens it again, on the step that there was.
  const steps = await page.evaluate(() => history.length);
  await page.goForward();
  await page.getByTestId('drawer').waitFor();
  assert.equal(await page.evaluate(() => history.length), steps);
  await page.goBack();
  await page.getByTestId('drawer').waitFor({ state: 'detached' });
  // Closed by a key, it leaves no step that does nothing; and what was filtered meanwhile stays.
  await page.keyboard.press('j');
  await page.getByTestId('drawer').waitFor();
  await page.keyboard.press('l');
  await page.keyboard.press('Escape');
  await page.getByTestId('drawer').waitFor({ state: 'detached' });
  await page.waitForURL(/\?only=loss$/);
  await page.goBack();
  await page.getByTestId('total').waitFor();
  const other = await opened(t, { hash });
  assert.equal(await other.getByTestId('drawer-title').filter({ hasText: 'wins' }).innerText(), title);
  await other.keyboard.press('Escape');
  await other.waitForURL(/only=win$/);
});

test('what is asked for at once after Escape stays', async (t) => {
  const page = await opened(t);
  // Before the browser, which goes back after a while, has done so.
  const atOnce = async (...keys) => {
    await page.evaluate(async (keys) => {
      for (const key of keys) {
        if (key.startsWith('a[')) document.querySelector(key).click();
        else dispatchEvent(new KeyboardEvent('keydown', { key }));
        // What the page does at each key is done at the end of its task, which is no end for the browser yet.
        for (let turn = 0; turn < 50; turn++) await null;
      }
    }, keys);
    await page.waitForTimeout(500);
  };
  await page.keyboard.press('j');
  await page.waitForURL(/pair=\d+$/);
  const steps = await page.evaluate(() => history.length);
  // Another pair, on the step that there was.
  await atOnce('Escape', 'j');
  assert.match(page.url(), /pair=\d+$/);
  assert.equal(await page.getByTestId('drawer').count(), 1);
  assert.equal(await page.evaluate(() => history.length), steps);
  await page.goBack();
  await page.getByTestId('drawer').waitFor({ state: 'detached' });
  assert.match(page.url(), /#\/compare$/);
  await page.keyboard.press('j');
  await page.waitForURL(/pair=\d+$/);
  // A filter, and nothing open.
  await atOnce('Escape', 'l');
  assert.match(page.url(), /#\/compare\?only=loss$/);
  assert.equal(await page.getByTestId('drawer').count(), 0);
  // When the browser has gone back and not yet told that the address is another.
  await page.keyboard.press('j');
  await page.waitForURL(/pair=\d+$/);
  await page.evaluate(async () => {
    dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
    for (let turn = 0; turn < 50; turn++) await null;
    await new Promise((done) => {
      addEventListener('popstate', () => done(dispatchEvent(new KeyboardEvent('keydown', { key: 't' }))), { once: true });
    });
  });
  await page.waitForURL(/only=tie$/);
  await becomes(page, 'shown', /^56 of 96/);
  await page.keyboard.press('l');
  await page.waitForURL(/only=loss$/);
  // Closed twice, it goes back once.
  await page.keyboard.press('j');
  await page.waitForURL(/pair=\d+$/);
  await atOnce('Escape', 'j', 'Escape');
  assert.match(page.url(), /#\/compare\?only=loss$/);
  // Another page, by its key or its tab; no step is left behind.
  for (const way of ['3', 'a[href="#/training"]']) {
    await page.keyboard.press('j');
    await page.waitForURL(/pair=\d+$/);
    await atOnce('Escape', way);
    assert.match(page.url(), /#\/training/, way);
    await page.goBack();
    await page.waitForURL(/#\/compare\?only=loss$/);
    await page.getByTestId('compare-verdict').waitFor();
    assert.equal(await page.getByTestId('drawer').count(), 0);
  }
});

test('the runs of its server are offered', { skip: !existsSync(TRAINER) && `no ${TRAINER}: RECODE_TRAINER=FILE names one` }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'recode-'));
  mkdirSync(join(folder, 'one/eval'), { recursive: true });
  writeFileSync(join(folder, 'one/metrics.jsonl'), '{"step":1,"reward":1}\n');
  writeFileSync(join(folder, 'one/completions.jsonl'), `${JSON.stringify({ step: 1, row: 1, sample: 0, completion: 'c' })}\n`);
  writeFileSync(join(folder, 'one/eval/before.jsonl'), A);
  writeFileSync(join(folder, 'one/eval/after.jsonl'), B);
  const playground = spawn(TRAINER, ['playground', '--port', '0', '--page', fileURLToPath(new URL('../dist', import.meta.url)), '--follow', folder]);
  t.after(() => {
    playground.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const page = await opened(t, { origin: await addressOf(playground) });
  const served = page.getByTestId('served').getByRole('listitem');
  assert.deepEqual(await served.allInnerTexts(), ['one/completions.jsonl', 'one/eval/after.jsonl', 'one/eval/before.jsonl']);
  for (const name of ['before', 'after']) await served.filter({ hasText: name }).getByRole('button').click();
  await becomes(page, 'join', /^2 examples/);
  await page.waitForURL(/file=\/?runs\/one\/eval\/before\.jsonl&file=\/?runs\/one\/eval\/after\.jsonl$/);
});

test('files may be dropped', async (t) => {
  const page = await opened(t);
  await page.evaluate(([a, b]) => {
    const data = new DataTransfer();
    data.items.add(new File([a], 'a.jsonl'));
    data.items.add(new File([b], 'b.jsonl'));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  }, [A, B]);
  await becomes(page, 'join', /^2 examples/);
});

test("a run of the trainer's, its folder chosen", { skip: !existsSync(`${process.env.RECODE_RUN}/eval/after.jsonl`) }, async (t) => {
  const page = await opened(t);
  await page.getByTestId('open-folder').setInputFiles(process.env.RECODE_RUN);
  await page.getByTestId('loaded-file').filter({ hasText: 'eval/after.jsonl' }).filter({ hasText: /✓ all \d+ logged rewards computed again/ }).waitFor();
  await becomes(page, 'compare-verdict', /0 unmatched/);
});

const HOSTILE = '<script>window.harmed = 1</script><img src=x onerror="window.harmed = 1">\u202e\u200b';

test('texts that mean harm are shown as what they are', async (t) => {
  const page = await opened(t);
  const harm = (right) => JSON.stringify({ row: 1, dependency: HOSTILE, update_info: HOSTILE, old_code: HOSTILE, new_code: `${HOSTILE}\nx`, completion: answer(`${HOSTILE}${right}`, HOSTILE) });
  await give(page, { [`${HOSTILE.replaceAll('/', '')}.jsonl`]: `${harm(1)}\n{"completion": "${HOSTILE.replaceAll('"', '')}"}`, 'b.jsonl': harm(2) });
  // The pairs of the files, and no more the demo's.
  await becomes(page, 'join', /^1 example/);
  await page.getByTestId('pair').first().click();
  await page.getByTestId('prompt').waitFor();
  const seen = await page.evaluate(() => ({ harmed: window.harmed, tags: document.querySelectorAll('script:not([src]), img, [onload], [onerror]').length, text: document.body.innerText }));
  assert.deepEqual([seen.harmed, seen.tags], [undefined, 0]);
  assert.match(seen.text, /<script>window\.harmed = 1<\/script>/);
  assert.ok(!/[\u202e\u200b]/.test(seen.text) && seen.text.includes('\\u{202e}'));
});

for (const [name, options] of Object.entries({
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 780 } },
  'narrow-dark': { colorScheme: 'dark', viewport: { width: 360, height: 780 } },
})) {
  test(`${name}: nothing stands out of the page, and axe finds nothing`, async (t) => {
    const page = await opened(t, options);
    const session = await page.context().newCDPSession(page);
    const check = async () => {
      const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
      assert.ok(width <= 0, `${width} pixels too wide`);
      // By the debugger's door, which the page's policy does not guard.
      await session.send('Runtime.evaluate', { expression: readFileSync(AXE, 'utf8') });
      const violations = await page.evaluate(async () => (await window.axe.run(document)).violations);
      assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`), []);
    };
    await page.screenshot({ path: `${SCREENSHOTS}compare-${name}.png`, fullPage: true });
    await check();
    await page.keyboard.press('w');
    await page.keyboard.press('j');
    await page.getByTestId('prompt').waitFor();
    await page.screenshot({ path: `${SCREENSHOTS}compare-pair-${name}.png` });
    await check();
  });
}
