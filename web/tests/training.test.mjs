// Runs as curves: opened, looked at, walked into, followed while they are written; and files that are wrong in the ways files are.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { appendFileSync, cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addressOf, answer, AXE, browser, SCREENSHOTS, server, TRAINER } from './playground.mjs';

const DIST = fileURLToPath(new URL('../dist', import.meta.url));

/** The page, with whatever runs it opens with; the browser complains of nothing but what is `expected`. */
async function opened(t, { origin = server.origin, hash = '#/training', waits = true, expected = null, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints.filter((said) => !expected?.test(said)), []);
  });
  await page.goto(`${origin}${hash}`);
  if (waits) await page.getByTestId('legend').filter({ hasText: 'completions of 11 steps' }).waitFor();
  return page;
}

/** Drops files, path by path, as a browser without folders gives them. */
function drop(page, files) {
  return page.evaluate((files) => {
    const data = new DataTransfer();
    for (const [name, text] of Object.entries(files)) data.items.add(new File([text], name));
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  }, files);
}

const metrics = (steps, value = (step) => step) =>
  Array.from({ length: steps }, (_, at) => `${JSON.stringify({ step: at + 1, reward: value(at + 1), reward_std: 0.5, kl: null, entropy: 1 / (at + 1), 'clip_ratio/low_mean': 0 })}\n`).join('');
const completion = (step, row, text, more = {}) => `${JSON.stringify({ step, row, sample: 0, completion: text, tokens: 9, finish_reason: 'eos', format: 1, es_star: 2, total: 3, advantage: 0.5, ...more })}\n`;
const chart = (page, metric) => page.locator(`[data-testid="chart"][data-metric="${metric}"]`);
const legend = (page) => page.getByTestId('legend').innerText();

test('the page opens with a run, and a point leads to its completions and their differences', async (t) => {
  const page = await opened(t);
  assert.match(await legend(page), /A\s*demo\s*250 steps, 1 to 250, completions of 11 steps/);
  const plot = chart(page, 'reward').getByTestId('plot');
  const box = await plot.boundingBox();
  await page.mouse.click(box.x + box.width - 5, box.y + 40);
  await page.getByTestId('drawer').getByRole('heading', { name: 'Step 250 of A demo' }).waitFor();
  await page.getByTestId('badge').filter({ hasText: 'recomputed = logged, by strict' }).waitFor();
  const rows = await page.getByTestId('completion-row').count();
  const said = await page.getByTestId('drawer-said').innerText();
  assert.equal(said, `64 completions, ${rows} different.`);
  assert.ok(rows < 64);
  await page.getByTestId('diff').waitFor();
  const [folds] = await Promise.all([page.waitForEvent('download'), page.getByTestId('save-folds').click()]);
  const saved = (await readFile(await folds.path(), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(saved.length, rows);
  assert.equal(saved.reduce((all, { times }) => all + times, 0), 64);
  assert.equal(folds.suggestedFilename(), 'demo-step-250.jsonl');
  assert.ok(saved.every(({ step, row, total, es_star, completion }) => step === 250 && row >= 0 && Number.isFinite(total) && Number.isFinite(es_star) && completion.length > 0));
  await page.keyboard.press('j');
  await page.getByRole('button', { name: /completion 2$/, pressed: true }).waitFor();
  await page.getByTestId('drawer-back').click();
  await page.getByRole('heading', { name: 'Step 225 of A demo' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByTestId('drawer').waitFor({ state: 'detached' });
});

test('an open step is in the address, and Back closes it', async (t) => {
  const page = await opened(t);
  await page.keyboard.press('[');
  await page.keyboard.press('o');
  await page.waitForURL(/#\/training\?run=demo&step=250$/);
  await page.goBack();
  await page.getByTestId('drawer').waitFor({ state: 'detached' });
  await page.waitForURL(/#\/training$/);
  await page.keyboard.press('o');
  await page.getByTestId('drawer').waitFor();
  await page.keyboard.press('Escape');
  await page.getByTestId('drawer').waitFor({ state: 'detached' });
  await page.waitForURL(/#\/training$/);
  const other = await opened(t, { hash: '#/training?smooth=0.5&run=demo&step=225' });
  await other.getByRole('heading', { name: 'Step 225 of A demo' }).waitFor();
  await other.getByTestId('completion-row').first().waitFor();
  await other.getByTestId('badge').filter({ hasText: 'recomputed = logged, by strict, which gives all' }).waitFor();
});

test('what a link is about and is not there is said', async (t) => {
  const page = await opened(t, { hash: '#/training?run=myrun&step=40' });
  await page.getByTestId('missing').filter({ hasText: 'This link is about step 40 of myrun, which is not open here: open its folder.' }).waitFor();
  await drop(page, { 'myrun/metrics.jsonl': metrics(9) });
  await page.getByTestId('missing').filter({ hasText: 'about step 40 of myrun, which has no such step' }).waitFor();
  const goTo = (hash) => page.evaluate((hash) => (location.hash = hash), hash);
  await goTo('#/training?from=1000&to=2000');
  await page.getByTestId('none-in-sight').filter({ hasText: "none of the shown runs' steps, 1 to 9, is in sight" }).waitFor();
  await page.getByTestId('zoom-reset').click();
  await page.getByTestId('none-in-sight').waitFor({ state: 'detached' });
  await goTo('#/training?from=3.2&to=3.8');
  await page.getByTestId('none-in-sight').waitFor();
  await page.getByTestId('legend').getByRole('checkbox').first().uncheck();
  await page.getByTestId('none-in-sight').waitFor({ state: 'detached' });
  await goTo('#/training?from=1e308&to=1.7e308');
  await page.getByTestId('odd-link').filter({ hasText: 'from=1e308 (expected a number of at most 2^53)' }).waitFor();
  assert.equal(await page.getByTestId('in-sight').innerText(), 'all steps');
});

test('completions alone say what they need', async (t) => {
  const page = await opened(t);
  await drop(page, { 'completions.jsonl': completion(2, 1, 'c') });
  await page.getByTestId('run').filter({ hasText: 'no metrics, and so no curves to open a step by: open its metrics.jsonl, too, completions of 1 step' }).waitFor();
});

test('everything is there by keyboard', async (t) => {
  const page = await opened(t, { hash: '', waits: false });
  await page.getByTestId('total').waitFor();
  await page.keyboard.press('3');
  const plot = chart(page, 'reward').getByTestId('plot');
  await plot.waitFor();
  await plot.focus();
  await page.keyboard.press('End');
  assert.match(await plot.getAttribute('aria-valuetext'), /^step 250: A [\d.−]+$/);
  await page.keyboard.press('[');
  assert.match(await page.getByTestId('cursor').innerText(), /step 249/);
  await page.keyboard.press('Shift+ArrowLeft');
  assert.match(await page.getByTestId('cursor').innerText(), /step 239/);
  await page.keyboard.press('+');
  assert.match(await page.getByTestId('in-sight').innerText(), /^steps \d+ to \d+$/);
  await page.waitForFunction(() => /#\/training\?from=.*&to=/.test(location.hash));
  // Whoever comes back finds the view, and it in the address.
  await page.keyboard.press('1');
  await page.getByTestId('total').waitFor();
  await page.keyboard.press('3');
  await plot.waitFor();
  assert.match(await page.evaluate(() => location.hash), /#\/training\?from=.*&to=/);
  await page.keyboard.press('0');
  assert.equal(await page.getByTestId('in-sight').innerText(), 'all steps');
  await plot.focus();
  await page.keyboard.press('Enter');
  await page.getByRole('heading', { name: 'Step 239 of A demo' }).waitFor();
  // The example has the completions of some steps alone, and says which is near.
  await page.getByTestId('nearest').press('Enter');
  await page.getByRole('heading', { name: 'Step 250 of A demo' }).or(page.getByRole('heading', { name: 'Step 225 of A demo' })).waitFor();
  await page.keyboard.press('Escape');
  // The browser goes back, which takes it a moment.
  await page.waitForURL(/#\/training$/);
  await page.keyboard.press('1');
  await page.getByTestId('total').waitFor();
  await page.keyboard.press('3');
  assert.match(await legend(page), /demo/);
});

test('runs lie over each other, are zoomed by dragging, and saved', async (t) => {
  const page = await opened(t);
  await drop(page, { 'first.jsonl': metrics(100) });
  await page.getByTestId('legend').filter({ hasText: 'first.jsonl' }).waitFor();
  assert.equal(await page.getByTestId('example').count(), 0);
  await drop(page, { '=second.jsonl': metrics(50, (step) => -step) });
  await page.getByTestId('run').nth(1).waitFor();
  const reward = chart(page, 'reward');
  assert.equal(await reward.locator('path.line').count(), 2);
  const dashes = await reward.locator('path.line').evaluateAll((lines) => lines.map((line) => getComputedStyle(line).strokeDasharray));
  assert.notEqual(dashes[0], dashes[1]);
  assert.match(await page.getByTestId('constant').innerText(), /clip_ratio\/low_mean 0/);
  // Not smoothed, as they are said to be the last.
  assert.match(await reward.getByTestId('values').innerText(), /A 100\s*B −50/);
  await page.getByTestId('smoothing').fill('0');
  assert.match(await reward.getByTestId('values').innerText(), /A 100\s*B −50/);
  const box = await reward.getByTestId('plot').boundingBox();
  await page.mouse.move(box.x + 100, box.y + 50);
  await page.mouse.down();
  await page.mouse.move(box.x + 200, box.y + 60, { steps: 4 });
  await page.mouse.up();
  assert.match(await page.getByTestId('in-sight').innerText(), /^steps \d+ to \d+$/);
  await reward.getByTestId('more').locator('summary').click();
  assert.match(await reward.getByTestId('summary').innerText(), /A \(first\.jsonl\) goes from 1 at step 1 to 100 at step 100/);
  await reward.getByTestId('show-table').click();
  assert.ok((await reward.getByTestId('table').locator('tbody tr').count()) > 5);
  const [csv] = await Promise.all([page.waitForEvent('download'), reward.getByTestId('save-csv').click()]);
  assert.match(await readFile(await csv.path(), 'utf8'), /^step,first\.jsonl reward,'=second\.jsonl reward\r\n1,1,-1\r\n/);
  const [svg] = await Promise.all([page.waitForEvent('download'), reward.getByTestId('save-svg').click()]);
  const picture = await readFile(await svg.path(), 'utf8');
  assert.match(picture, /^<svg .*stroke-dasharray="7px, 3px"/);
  assert.ok(!picture.includes('aria-hidden'));
  for (const said of [/>[^<]*[Rr]eward[^<]* by step</, />A first\.jsonl</, />B =second\.jsonl</]) assert.match(picture, said);
  // What was written into it is not in the page.
  assert.equal(await reward.locator('svg text', { hasText: 'first.jsonl' }).count(), 0);
  await page.getByTestId('run').nth(1).getByRole('checkbox').uncheck();
  assert.equal(await reward.locator('path.line').count(), 1);
});

test('runs of one name are told apart, and one step far from all others is said', async (t) => {
  const page = await opened(t);
  for (const runs of [1, 2]) {
    await drop(page, { 'metrics.jsonl': `${metrics(100)}${runs === 2 ? '{"step":1000000000,"reward":7}\n' : ''}` });
    await page.getByTestId('run').nth(runs - 1).waitFor();
  }
  assert.deepEqual(await page.locator('.file-name').allInnerTexts(), ['metrics.jsonl', 'metrics.jsonl (2)']);
  const reward = chart(page, 'reward');
  await reward.getByTestId('more').locator('summary').click();
  const [csv] = await Promise.all([page.waitForEvent('download'), reward.getByTestId('save-csv').click()]);
  assert.match(await readFile(await csv.path(), 'utf8'), /^step,metrics\.jsonl reward,metrics\.jsonl \(2\) reward\r\n/);
  await page.getByTestId('far').filter({ hasText: 'Step 1000000000 stands far from all others' }).waitFor();
  await page.getByRole('button', { name: 'Look at 1 to 100' }).click();
  assert.equal(await page.getByTestId('in-sight').innerText(), 'steps 1 to 100');
  assert.equal(await page.getByTestId('far').count(), 0);
});

test('what a chart says is not cut off', async (t) => {
  const page = await opened(t);
  const log = (at) => Array.from({ length: 30 }, (_, step) => `${JSON.stringify({ step, 'sampling/importance_sampling_ratio/mean_of_all_tokens': -1.25e-10 * (step % 3) + at * 1e-12, reward: -12345.5 * step })}\n`).join('');
  for (const at of [1, 2, 3]) {
    await drop(page, { 'metrics.jsonl': log(at) });
    await page.getByTestId('run').nth(at - 1).waitFor();
  }
  await page.keyboard.press(']');
  const cut = await page.locator('.curve-head, .curve-head *').evaluateAll((parts) => parts.filter((part) => part.scrollWidth > part.clientWidth + 1 && getComputedStyle(part).display !== 'inline').map((part) => part.textContent));
  assert.deepEqual(cut, []);
  const outside = await page.locator('.plot svg .axis').evaluateAll((labels) => labels.filter((label) => label.getBoundingClientRect().left < label.ownerSVGElement.getBoundingClientRect().left - 0.5).map((label) => label.textContent));
  assert.deepEqual(outside, []);
});

test('a number that is none costs its value and not its completion', async (t) => {
  const page = await opened(t);
  await drop(page, { 'metrics.jsonl': metrics(3), 'completions.jsonl': `${completion(1, 1, 'NaN', { total: 9 }).replace(':9,"adv', ':NaN,"adv')}${completion(2, 1, 'c')}` });
  await page.getByTestId('legend').filter({ hasText: 'completions of 2 steps' }).waitFor();
  assert.match(await page.getByTestId('remarks').textContent(), /1 line read without a value.*completions\.jsonl:1: total is NaN, for which JSON has no number/);
  assert.equal(await page.getByTestId('faults').count(), 0);
  await page.keyboard.press(']');
  await page.keyboard.press('o');
  assert.match(await page.getByTestId('completion-row').innerText(), /×1\s+1\s+–\s+\+0\.500\s+9\s+NaN/);
});

test('what is wrong with a file is said in place, and the rest is there', async (t) => {
  const page = await opened(t);
  await drop(page, { 'picture.png': '\u0089PNG' });
  await page.getByTestId('failures').filter({ hasText: 'picture.png: not a file of a run: its first line should be an object with step (metrics.jsonl)' }).waitFor();
  await drop(page, { 'metrics.jsonl': '{"global_step":1,"reward":2}\n' });
  await page.getByTestId('failures').filter({ hasText: /training rows\), and has global_step, reward$/ }).waitFor();
  await drop(page, { 'rows.jsonl': '{"new_code":"n","old_code":"o"}\n' });
  await page.getByTestId('failures').filter({ hasText: "these are training rows: open their run's metrics.jsonl first" }).waitFor();
  // The run that comes with the page stays until there is another.
  assert.equal(await page.getByTestId('example').count(), 1);
  assert.ok((await page.getByTestId('chart').count()) > 5);
  await drop(page, { 'after.jsonl': '{"row":1,"new_code":"n","completion":"c"}' });
  await page.getByTestId('failures').filter({ hasText: 'held-out answers of an evaluation' }).waitFor();
  await drop(page, { 'metrics.jsonl': `${metrics(3)}[1]\n{"step":2,"reward":NaN,"loss":1}\n{"reward":1}\n{"step":4,"rew`, 'completions.jsonl': `${completion(2, 1, 'c')}{"step":3}\n{"step":3,"comp` });
  await page.getByTestId('faults').filter({ hasText: 'metrics.jsonl:4: not an object' }).waitFor();
  await page.getByTestId('run').filter({ hasText: 'completions of 1 step' }).waitFor();
  const said = await page.getByTestId('run').innerText();
  for (const expected of [/line 7 of metrics\.jsonl has no end: it is being written, or was cut off/, /line 3 of completions\.jsonl has no end/, /1 step stands twice: the later line counts/, /targets not known/]) assert.match(said, expected);
  assert.match(await page.getByTestId('faults').textContent(), /metrics\.jsonl:6: step is missing.*completions\.jsonl:2: completion is missing/);
  await page.keyboard.press(']');
  await page.keyboard.press(']');
  await page.keyboard.press('o');
  await page.getByTestId('no-target').filter({ hasText: 'drop the rows that the run was trained on' }).waitFor();
  // Which are dropped; with no run open, they are nobody's.
  await drop(page, { 'rows.jsonl': '{"new_code":"np.vstack(a)","old_code":"np.row_stack(a)"}' });
  await page.getByTestId('run').filter({ hasNotText: 'targets not known' }).waitFor();
  await page.getByTestId('close-runs').click();
  await drop(page, { 'rows.jsonl': '{"new_code":"n","old_code":"o"}\n' });
  await page.getByTestId('failures').filter({ hasText: "these are training rows: open their run's metrics.jsonl first" }).waitFor();
});

test('a run is judged by one rule, its own, whichever others fit a row', async (t) => {
  const page = await opened(t);
  const right = answer('np.vstack(a)');
  // The paper reads the first block anywhere, strict the answer's.
  const thought = answer('np.row_stack(a)', '```python\nnp.vstack(a)\n```');
  const row = `${JSON.stringify({ dependency: 'numpy', update_info: 'u', old_code: 'np.row_stack(a)', new_code: 'np.vstack(a)' })}\n`;
  const completions = completion(1, 1, right) + completion(1, 1, thought) + completion(2, 1, right);
  const files = { 'metrics.jsonl': metrics(2), 'completions.jsonl': completions, 'migrations.jsonl': row };
  const badges = async (said) => {
    await page.getByTestId('badge').filter({ hasText: said }).waitFor();
    await page.keyboard.press('j');
    await page.getByRole('button', { name: /completion 2$/, pressed: true }).waitFor();
    await page.getByTestId('badge').filter({ hasText: said }).waitFor();
    await page.keyboard.press('Escape');
    // The browser goes back, which takes it a moment.
    await page.waitForURL(/#\/training$/);
    await page.getByRole('button', { name: 'Close all' }).click();
  };
  const open = async (files) => {
    await drop(page, files);
    await page.getByTestId('legend').filter({ hasText: 'completions of 2 steps' }).waitFor();
    await page.keyboard.press(']');
    await page.keyboard.press('o');
  };
  await open(files);
  await badges('recomputed = logged, by paper, which gives all 3 rewards that were tried');
  await open({ ...files, 'config.toml': '[data]\ntrain = "data/migrations.jsonl"\n\n[reward]\nmode = "strict"\n' });
  await badges(/by strict.*as the run's config\.toml has it/);
  // One that says nothing of rewards, as another program's.
  await open({ ...files, 'config.toml': '[package]\nname = "other"\n' });
  assert.match(await legend(page), /its config\.toml has no \[reward\]/);
  await badges('recomputed = logged, by paper, which gives all 3 rewards that were tried');
  await open({ ...files, 'completions.jsonl': completions + completion(2, 1, right, { total: 0.5 }) });
  await badges('but no rules give all of this run\'s rewards: paper gives 3 of the 4 that were tried');
  // The run's own rows come when the step is open.
  await open({ ...files, 'migrations.jsonl': row.replace('np.vstack(a)', 'other(b)') });
  await page.getByTestId('badge').filter({ hasText: "but no rules give all of this run's rewards" }).waitFor();
  await drop(page, { 'migrations.jsonl': row });
  await badges('recomputed = logged, by paper, which gives all 3 rewards that were tried');
  // Too long to be tried.
  await open({ ...files, 'completions.jsonl': completion(1, 1, answer('np.vstack(a)\n'.repeat(2000))) + completion(2, 1, answer('np.vstack(a)\n'.repeat(2000))) });
  await page.getByTestId('badge').filter({ hasText: 'by which rules the run was scored is not known' }).waitFor();
});

test('the page can be used while the rules of long completions are found', async (t) => {
  const page = await opened(t);
  // 7 KB each, and one row as long.
  const code = (name) => Array.from({ length: 180 }, (_, line) => `value_${line} = np.${name}([a, ${line}])`).join('\n');
  const row = `${JSON.stringify({ new_code: code('vstack') })}\n`;
  await drop(page, { 'metrics.jsonl': metrics(1), 'completions.jsonl': Array.from({ length: 64 }, (_, at) => completion(1, 1, answer(code(`stack_${at}`)))).join(''), 'rows.jsonl': row });
  await page.getByTestId('legend').filter({ hasText: 'completions of 1 step' }).waitFor();
  await page.evaluate(() => {
    window.longest = 0;
    let last = performance.now();
    const tick = () => {
      window.longest = Math.max(window.longest, performance.now() - last);
      last = performance.now();
      setTimeout(tick);
    };
    tick();
  });
  await page.keyboard.press(']');
  await page.keyboard.press('o');
  await page.getByTestId('badge').filter({ hasText: 'of the 64 that were tried' }).waitFor();
  const longest = await page.evaluate(() => window.longest);
  console.log(`while 64 completions of 7 KB are tried, the page waits for ${longest.toFixed(0)} ms at most`);
  assert.ok(longest < 500, `${longest} ms`);
});

test('completions that come after metrics are the run\'s where their rewards are', async (t) => {
  const page = await opened(t);
  await drop(page, { 'metrics.jsonl': metrics(2) });
  await page.getByTestId('legend').filter({ hasText: '2 steps' }).waitFor();
  await drop(page, { 'completions.jsonl': completion(1, 1, 'c', { total: 2 }) + completion(2, 1, 'c', { total: 2 }) });
  await page.getByTestId('failures').filter({ hasText: 'completions.jsonl: not the completions of metrics.jsonl (at step 1 the metrics have the mean reward +1.000, the completions +2.000)' }).waitFor();
  assert.equal(await page.getByTestId('run').count(), 2);
  // Runs of one seed begin alike; and of some nothing tells.
  const others = {
    'at step 2 the metrics have the mean reward +2.000, the completions +9.000': [1, 9],
    'whether they are the completions of metrics.jsonl cannot be told': [null, null],
  };
  for (const [said, [first, second]] of Object.entries(others)) {
    await page.getByTestId('close-runs').click();
    await drop(page, { 'metrics.jsonl': metrics(2) });
    await page.getByTestId('legend').filter({ hasText: '2 steps' }).waitFor();
    await drop(page, { 'completions.jsonl': completion(1, 1, 'c', { total: first }) + completion(2, 1, 'c', { total: second }) });
    await page.getByTestId('failures').filter({ hasText: said }).waitFor();
    await page.getByTestId('run').nth(1).waitFor();
  }
  await page.getByTestId('close-runs').click();
  await drop(page, { 'metrics.jsonl': metrics(2) });
  await page.getByTestId('legend').filter({ hasText: '2 steps' }).waitFor();
  await drop(page, { 'completions.jsonl': completion(1, 1, 'c', { total: 1 }) + completion(2, 1, 'c', { total: 2 }) });
  await page.getByTestId('run').filter({ hasText: /2 steps, 1 to 2, completions of 2 steps/ }).waitFor();
  assert.equal(await page.getByTestId('run').count(), 1);
});

test('completions that mean harm are shown as what they are', async (t) => {
  const page = await opened(t);
  const harm = '<script>window.harmed = 1</script><img src=x onerror="window.harmed = 1">\u202e\u200b\u0007';
  await drop(page, {
    'metrics.jsonl': `${JSON.stringify({ step: 1, reward: 1, [harm]: 1 })}\n${JSON.stringify({ step: 2, reward: 2, [harm]: 2 })}\n`,
    'completions.jsonl': completion(1, 1, answer(harm, harm)),
    'rows.jsonl': JSON.stringify({ new_code: harm, old_code: harm, update_info: harm }),
  });
  await page.getByTestId('legend').filter({ hasText: 'completions of 1 step' }).waitFor();
  await page.keyboard.press(']');
  await page.keyboard.press('o');
  await page.getByTestId('badge').waitFor();
  const seen = await page.evaluate(() => ({ harmed: window.harmed, tags: document.querySelectorAll('script:not([src]), img, [onload], [onerror]').length, text: document.body.innerText }));
  assert.deepEqual([seen.harmed, seen.tags], [undefined, 0]);
  assert.match(seen.text, /<script>window\.harmed = 1<\/script>/);
  assert.ok(!/[\u202e\u200b\u0007]/.test(seen.text));
});

test('a run that is left while it is read is read to its end', async (t) => {
  const page = await opened(t);
  await drop(page, { 'metrics.jsonl': metrics(20_000), 'completions.jsonl': Array.from({ length: 20_000 }, (_, at) => completion(at + 1, 1, 'c'.repeat(400))).join('') });
  await page.getByTestId('progress').filter({ hasText: '%' }).waitFor();
  await page.keyboard.press('1');
  await page.getByTestId('total').waitFor();
  await page.keyboard.press('3');
  await page.getByTestId('legend').filter({ hasText: /20000 steps, 1 to 20000, completions of 20000 steps/ }).waitFor();
  await page.getByTestId('progress').filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
  assert.equal(await page.getByTestId('failures').count(), 0);
});

test('a run of 5,000 steps stays fluid', async (t) => {
  const page = await opened(t);
  await drop(page, { 'metrics.jsonl': metrics(5000, (step) => Math.sin(step / 90) + (step % 7) / 7) });
  await page.getByTestId('legend').filter({ hasText: '5000 steps' }).waitFor();
  const frames = await page.evaluate(async () => {
    const slider = document.querySelector('[data-testid="smoothing"]');
    const longest = [];
    let last = performance.now();
    for (let at = 0; at < 40; at += 1) {
      slider.value = String((at % 20) / 20);
      slider.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise(requestAnimationFrame);
      longest.push(performance.now() - last);
      last = performance.now();
    }
    return longest.slice(2).sort((a, b) => a - b);
  });
  const median = frames[frames.length >> 1];
  console.log(`5,000 steps: a change of the smoothing takes ${median.toFixed(1)} ms in the median, ${frames.at(-1).toFixed(1)} ms at most`);
  assert.ok(median < 150, `${median} ms`);
  const points = await chart(page, 'reward').locator('path.raw').getAttribute('d');
  assert.ok(points.length < 60_000, `${points.length}`);
});

test('a run is followed while the demo writes it', { skip: !existsSync(TRAINER) && `no ${TRAINER}: RECODE_TRAINER=FILE names one` }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'recode-'));
  const children = [];
  t.after(() => {
    children.forEach((child) => child.kill());
    rmSync(folder, { recursive: true, force: true });
  });
  const playground = spawn(TRAINER, ['playground', '--port', '0', '--page', DIST, '--follow', folder]);
  children.push(playground);
  const origin = await addressOf(playground);
  // A file that goes while it is followed is one that the browser complains of.
  const page = await opened(t, { origin, waits: false, expected: /status of 404/ });
  await page.getByTestId('following').filter({ hasText: /^following .*: no run there yet$/ }).waitFor();
  children.push(spawn(TRAINER, ['demo', '--run-dir', join(folder, 'live'), '--set', 'run.max_steps=40'], { stdio: 'ignore' }));
  page.setDefaultTimeout(150_000);
  // How many there are when it looks again depends on the machine, but not all of them.
  await page.getByTestId('legend').filter({ hasText: /([2-9]|[123]\d) steps, 1 to/ }).waitFor();
  await page.screenshot({ path: `${SCREENSHOTS}training-follow.png`, fullPage: true });
  await page.getByTestId('legend').filter({ hasText: /40 steps, 1 to 40, completions of 40 steps/ }).waitFor();
  await page.keyboard.press(']');
  await page.keyboard.press('o');
  await page.getByTestId('badge').filter({ hasText: 'recomputed = logged, by strict' }).waitFor();
  // A line that is half there, the rest of it, and a log that is cut back.
  const log = join(folder, 'live/metrics.jsonl');
  const whole = readFileSync(log);
  appendFileSync(log, '{"step":41,"rew');
  await page.getByTestId('run').filter({ hasText: 'line 41 of metrics.jsonl has no end' }).waitFor();
  appendFileSync(log, 'ard":1.5}\n');
  await page.getByTestId('run').filter({ hasText: '41 steps, 1 to 41' }).waitFor();
  writeFileSync(log, whole.subarray(0, whole.indexOf(10, 2000) + 1));
  await page.getByTestId('run').filter({ hasText: 'metrics.jsonl was cut back or replaced, and read again' }).waitFor();
  cpSync(join(folder, 'live'), join(folder, 'second'), { recursive: true });
  await page.getByTestId('run').nth(1).filter({ hasText: 'second' }).waitFor();
  // All at once: of a file that goes between listing and asking the browser would complain.
  await page.getByTestId('run').nth(1).filter({ hasText: 'completions of 40 steps' }).waitFor();
  const away = mkdtempSync(join(tmpdir(), 'recode-'));
  t.after(() => rmSync(away, { recursive: true, force: true }));
  renameSync(join(folder, 'second'), join(away, 'second'));
  await page.getByTestId('run').nth(1).filter({ hasText: 'its folder is gone, or no log is left in it: what was read of it stays' }).waitFor();
  renameSync(join(away, 'second'), join(folder, 'second'));
  await page.getByTestId('run').nth(1).filter({ hasNotText: 'its folder is gone' }).waitFor();
  // One log at a time, and nothing said of the folder, which is there.
  for (const name of ['metrics.jsonl', 'completions.jsonl']) {
    renameSync(join(folder, 'second', name), join(away, name));
    await page.getByTestId('run').nth(1).filter({ hasText: `${name} is gone: what was read of it stays` }).filter({ hasNotText: 'its folder is gone' }).waitFor();
    renameSync(join(away, name), join(folder, 'second', name));
    await page.getByTestId('run').nth(1).filter({ hasNotText: `${name} is gone` }).waitFor();
  }
  // Deleted file by file: one that has gone between listing and asking is said to be missing, and forgotten with its folder.
  const log2 = join(folder, 'second/metrics.jsonl');
  await page.route('**/runs/second/metrics.jsonl', (route) => route.fulfill({ status: 404, body: '' }));
  appendFileSync(log2, '{"step":42,"reward":1}\n');
  await page.getByTestId('run').nth(1).filter({ hasText: 'second/metrics.jsonl is answered with 404' }).waitFor();
  rmSync(join(folder, 'second'), { recursive: true });
  await page.getByTestId('run').nth(1).filter({ hasText: 'its folder is gone' }).filter({ hasNotText: '404' }).waitFor();
  // What the browser says of a server that has gone is not ours.
  await page.goto('about:blank');
  playground.kill('SIGINT');
  assert.equal(await new Promise((done) => playground.once('exit', done)), 0);
});

for (const [name, options] of Object.entries({
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 780 } },
})) {
  test(`${name}: nothing stands out of the page, and axe finds nothing serious`, async (t) => {
    const page = await opened(t, options);
    await page.screenshot({ path: `${SCREENSHOTS}training-${name}.png`, fullPage: true });
    await page.keyboard.press('[');
    await page.keyboard.press('o');
    await page.getByTestId('badge').waitFor();
    await page.getByTestId('chosen').locator('[data-testid="diff"]').waitFor();
    await page.waitForTimeout(200);
    await page.screenshot({ path: `${SCREENSHOTS}training-drawer-${name}.png` });
    const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.ok(width <= 0, `${width} pixels too wide`);
    // By the debugger's door, which the page's policy does not guard.
    const session = await page.context().newCDPSession(page);
    await session.send('Runtime.evaluate', { expression: readFileSync(AXE, 'utf8') });
    const violations = await page.evaluate(async () => (await window.axe.run(document)).violations);
    const serious = violations.filter(({ impact }) => ['serious', 'critical'].includes(impact));
    assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary}`).join(' | ')}`), []);
  });
}
