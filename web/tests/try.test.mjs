// The page "Try it" through the built page: its main story with the demo's policy, and what goes wrong with others.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { addressOf, AXE, browser, SCREENSHOTS, server, TRAINER } from './playground.mjs';

const DEMO = fileURLToPath(new URL('../dist/demo/', import.meta.url));
const logged = (name) => readFileSync(new URL(`../page/${name}`, import.meta.url), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const BEFORE = logged('demo-before.jsonl');
const AFTER = logged('demo-after.jsonl');
/** The folders of a demo's run that have weights. */
const RUN = { policy: ['config.json', 'tokenizer.json', 'model.safetensors'], 'checkpoints/step-000250': ['adapter_config.json', 'adapter_model.safetensors'] };
/** The row that the page begins with. */
const FIRST = 17;

/** The page at `hash`, its rows there. */
async function opened(t, { hash = '#/try', origin = server.origin, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, ...options });
  t.after(() => context.close());
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  t.after(() => assert.deepEqual(complaints, []));
  await page.goto(`${origin}${hash}`);
  await page.getByTestId('row').locator('option').nth(1).waitFor({ state: 'attached' });
  return { page, complaints };
}

const ready = (page, side) => page.getByTestId(`status-${side}`).filter({ hasText: /: on the (processor|GPU)/ }).waitFor();
const answered = (page, side) => page.getByTestId(`outcome-${side}`).filter({ hasText: /tokens in/ }).waitFor();
const completion = (page, side) => page.getByTestId(`answer-${side}`).getByTestId('completion').textContent();

test('the demo policy is loaded with one click, and answers as it did in its run, before and after training', async (t) => {
  const asked = server.asked.length;
  const { page } = await opened(t);
  const paths = () => server.asked.slice(asked).map(({ path }) => path);
  assert.deepEqual(paths().filter((path) => /checkpoint|demo\//.test(path)), [], 'nothing of it before it is asked for');
  await page.getByTestId('device').selectOption('cpu');
  await page.getByTestId('load-demo').click();
  await ready(page, 'a');
  await ready(page, 'b');
  assert.equal(paths().filter((path) => path.endsWith('demo/model.safetensors')).length, 1, 'one download of the base');
  let differ = 0;
  for (const at of [0, 1, 6, 12]) {
    await page.getByTestId('row').selectOption(`${at}`);
    await page.getByTestId('ask').click();
    await answered(page, 'b');
    for (const [side, lines] of [['a', BEFORE], ['b', AFTER]]) {
      await answered(page, side);
      assert.equal(await completion(page, side), lines[at].completion, `row ${at}, ${side}`);
      const total = Number((await page.getByTestId(`total-${side}`).textContent()).replace('−', '-'));
      assert.ok(Math.abs(total - lines[at].total) < 0.006, `${total} is not ${lines[at].total}`);
    }
    const verdict = await page.getByTestId('verdict').textContent();
    const [a, b] = [BEFORE[at], AFTER[at]];
    if (a.completion !== b.completion) differ += 1;
    const expected = a.completion === b.completion ? /answer the same/ : b.total > a.total ? /^B earns/ : b.total < a.total ? /^A earns/ : /earn the same/;
    assert.match(verdict, expected);
  }
  assert.ok(differ > 0, 'training has changed some of them');
  const rates = await Promise.all(['a', 'b'].map((side) => page.getByTestId(`outcome-${side}`).textContent()));
  t.diagnostic(rates.join(' | '));
  await page.screenshot({ path: `${SCREENSHOTS}try.png`, fullPage: true });
  // Of answers to another question nothing else is said.
  await page.getByTestId('row').selectOption('2');
  await page.getByTestId('stale').waitFor();
  assert.equal(await page.getByTestId('verdict').textContent(), '');
  await page.getByTestId('row').selectOption('12');
  await page.getByTestId('stale').waitFor({ state: 'detached' });
  assert.notEqual(await page.getByTestId('verdict').textContent(), '');
  await page.getByTestId('unload-a').click();
  await page.getByTestId('status-a').filter({ hasText: 'not loaded' }).waitFor();
  // Other rules judge at once, another question takes the answers away.
  const strict = await page.getByTestId('total-b').textContent();
  await page.getByRole('radio', { name: 'edit_gain' }).check();
  await page.getByTestId('total-b').filter({ hasNotText: strict }).waitFor();
  await page.getByTestId('row').selectOption('2');
  await page.getByTestId('stale').waitFor();
  await page.getByTestId('ask').click();
  await answered(page, 'b');
  assert.match(await page.getByTestId('answer-a').textContent(), /Not asked yet/);
  assert.equal(await page.getByTestId('stale').count(), 0);
});

test('what is drawn is what the program draws of the same seed', { skip: !existsSync(TRAINER) && `no ${TRAINER}: RECODE_TRAINER=FILE names one` }, async (t) => {
  const row = { library: 'numpy', version: '==2.0.0', update: 'np.Inf is gone: use np.inf.', old: 'import numpy as np\nx = np.Inf', target: 'import numpy as np\nx = np.inf' };
  const fields = Object.entries({ ...row, temperature: '1.3', seed: '7', tokens: '60' }).map(([name, text]) => `${name}=${encodeURIComponent(text)}`);
  const { page } = await opened(t, { hash: `#/try?${fields.join('&')}` });
  await page.getByTestId('device').selectOption('cpu');
  await page.getByTestId('load-a').click();
  await ready(page, 'a');
  await page.getByTestId('ask').click();
  await answered(page, 'a');
  const prompt = await page.getByTestId('prompt').locator('pre').textContent();
  assert.ok(prompt.includes(row.old) && prompt.includes('in version 2.0.0'));
  const said = execFileSync(TRAINER, ['generate', '--model', DEMO, '--json', '--device', 'cpu', '--temperature', '1.3', '--seed', '7', '--max-completion-length', '60', '--', prompt], { encoding: 'utf8' });
  assert.equal(await completion(page, 'a'), JSON.parse(said).text);
});

test('the program serves it as any server does', { skip: !existsSync(TRAINER) && `no ${TRAINER}: RECODE_TRAINER=FILE names one` }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'recode-'));
  const playground = spawn(TRAINER, ['playground', '--port', '0', '--page', fileURLToPath(new URL('../dist', import.meta.url)), '--follow', folder]);
  t.after(() => {
    playground.kill();
    rmSync(folder, { recursive: true });
  });
  const { page } = await opened(t, { origin: await addressOf(playground) });
  await page.getByTestId('load-demo').click();
  await ready(page, 'b');
  await page.getByTestId('ask').click();
  await answered(page, 'b');
});

test('everything is there by keyboard, and a link carries the question', async (t) => {
  const { page } = await opened(t);
  // All that can be worked is reached by Tab, in its order.
  await page.locator('#main').focus();
  const reached = [];
  for (let presses = 0; presses < 60 && reached.at(-1) !== 'copy-link'; presses += 1) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => document.activeElement.dataset.testid ?? document.activeElement.closest('[data-testid^="field-"]')?.dataset.testid);
    // Tab is a character in an editor; Escape lets go of it.
    if (at?.startsWith('field-')) await page.keyboard.press('Escape');
    if (at !== undefined && at !== reached.at(-1)) reached.push(at);
  }
  assert.deepEqual(reached, [
    'load-demo', 'open-folder', 'device', 'model-a', 'adapter-a', 'load-a', 'unload-a', 'model-b', 'adapter-b', 'load-b', 'unload-b', 'row', 'library', 'version',
    'field-update', 'field-old', 'field-target', 'temperature', 'seed', 'max_completion_length', 'ask', 'stop', 'copy-link',
  ]);
  await page.getByTestId('load-demo').focus();
  await page.keyboard.press('Enter');
  await ready(page, 'b');
  await page.locator('#main').focus();
  await page.keyboard.press('g');
  await answered(page, 'b');
  await page.getByTestId('seed').fill('12');
  await page.getByTestId('library').fill('<b>numpy</b>');
  await page.locator('#main').focus();
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  await page.keyboard.press('c');
  await page.getByText('copied', { exact: true }).waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const { page: other } = await opened(t, { hash: link.slice(link.indexOf('#')) });
  assert.equal(await other.getByTestId('seed').inputValue(), '12');
  assert.equal(await other.getByTestId('library').inputValue(), '<b>numpy</b>');
  for (const key of ['1', '4']) await page.keyboard.press(key);
  // Whoever leaves at once is not called back by the address, which follows later.
  await page.getByTestId('seed').fill('13');
  await page.locator('#main').focus();
  await page.keyboard.press('3');
  await page.waitForTimeout(600);
  assert.match(page.url(), /#\/training/);
  await page.keyboard.press('4');
  // What was loaded stays.
  await ready(page, 'a');
  await page.keyboard.press('?');
  await page.getByTestId('help').getByText('let the checkpoints answer').waitFor();
});

test('an answer stops when it is told to, and what came until then stays', async (t) => {
  const { page } = await opened(t);
  await page.getByTestId('device').selectOption('cpu');
  await page.getByTestId('load-a').click();
  await ready(page, 'a');
  await page.getByTestId('temperature').fill('8');
  await page.getByTestId('max_completion_length').fill('700');
  // As soon as there is some text: a tiny policy is quick.
  await page.evaluate(() => {
    new MutationObserver((_, observer) => {
      if (!document.querySelector('[data-testid="answer-a"] [data-testid="completion"]')?.textContent) return;
      observer.disconnect();
      dispatchEvent(new KeyboardEvent('keydown', { key: 'Escape' }));
    }).observe(document.querySelector('[data-testid="answers"]'), { childList: true, subtree: true, characterData: true });
  });
  await page.getByTestId('ask').click();
  await page.getByTestId('outcome-a').filter({ hasText: /stopped; the prompt/ }).waitFor();
  assert.ok((await completion(page, 'a')).length > 0);
});

test('what is wrong is said in place, and the rest goes on', async (t) => {
  const { page } = await opened(t);
  const wrong = page.getByTestId('failures');
  const folder = mkdtempSync(join(tmpdir(), 'recode-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const make = (name, files) => {
    mkdirSync(join(folder, name), { recursive: true });
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, name, file), text);
    return join(folder, name);
  };
  const config = readFileSync(join(DEMO, 'config.json'), 'utf8');
  // A folder that is none, one that lacks something, one of an unsupported architecture, one that is cut short.
  for (const [files, said] of [
    [{ 'notes.txt': 'x' }, /no checkpoint: expected a folder with config.json/],
    [{ 'config.json': config, 'tokenizer.json': '{}' }, /model.safetensors is missing/],
  ]) {
    await page.getByTestId('open-folder').setInputFiles(make(`wrong-${Object.keys(files).length}`, files));
    await wrong.filter({ hasText: said }).waitFor();
  }
  const tokenizer = readFileSync(join(DEMO, 'tokenizer.json'), 'utf8');
  const weights = readFileSync(join(DEMO, 'model.safetensors'));
  for (const [name, files, said] of [
    ['mamba', { 'config.json': config.replace(/"model_type": *"[^"]*"/, '"model_type": "mamba"'), 'tokenizer.json': tokenizer, 'model.safetensors': weights }, /config.json.*mamba/],
    ['short', { 'config.json': config, 'tokenizer.json': tokenizer, 'model.safetensors': weights.subarray(0, 100_000) }, /model.safetensors/],
    ['garbled', { 'config.json': config, 'tokenizer.json': '{"<script>', 'model.safetensors': weights }, /tokenizer.json/],
  ]) {
    await page.getByTestId('open-folder').setInputFiles(make(name, files));
    await page.getByTestId('model-a').locator('option', { hasText: name }).waitFor({ state: 'attached' });
    await page.getByTestId('load-a').click();
    await page.getByTestId('status-a').filter({ hasText: said }).waitFor();
    assert.ok(await page.getByTestId('ask').isDisabled(), 'there is nobody to ask');
  }
  // The same files whole: a folder of one's own.
  await page.getByTestId('open-folder').setInputFiles(make('whole', { 'config.json': config, 'tokenizer.json': tokenizer, 'model.safetensors': weights }));
  await page.getByTestId('model-a').locator('option', { hasText: 'whole' }).waitFor({ state: 'attached' });
  await page.getByTestId('load-a').click();
  await ready(page, 'a');
  await page.getByTestId('temperature').fill('warm');
  await page.getByTestId('ask').click();
  await page.getByTestId('unfit').filter({ hasText: 'temperature is "warm"; expected a number' }).waitFor();
  await page.getByTestId('temperature').fill('0');
  await page.getByTestId('ask').click();
  await answered(page, 'a');
  await page.getByTestId('max_completion_length').fill('1000000');
  await page.getByTestId('ask').click();
  await page.getByTestId('outcome-a').filter({ hasText: /^the prompt has \d+ tokens, which with max_completion_length 1000000 is more than/ }).waitFor();
  await page.getByTestId('max_completion_length').fill('256');
  await page.getByTestId('outcome-a').filter({ hasNotText: 'the prompt has' }).waitFor();
});

test('a link may say only how to answer, and what cannot be seen in a field is said', async (t) => {
  const { page } = await opened(t, { hash: '#/try?seed=7&temperature=1&rules=paper' });
  await page.waitForURL(/old=/);
  for (const [name, value] of [['seed', '7'], ['temperature', '1']]) assert.equal(await page.getByTestId(name).inputValue(), value);
  assert.match(page.url(), /rules=paper&temperature=1&seed=7&/);
  await page.getByTestId('library').fill('\u202epy');
  await page.getByTestId('hidden-library').filter({ hasText: 'with hidden characters: \\u{202e}py' }).waitFor();
});

test('an address is a folder of this server alone', async (t) => {
  let asked = 0;
  const elsewhere = createServer((_, response) => {
    asked += 1;
    response.writeHead(200, { 'access-control-allow-origin': '*' }).end('{}');
  });
  await new Promise((done) => elsewhere.listen(0, '127.0.0.1', done));
  t.after(() => elsewhere.close());
  const { page } = await opened(t);
  await page.getByText("A folder of this page's server").click();
  for (const [address, said] of [
    ['', 'write an address'],
    [`http://127.0.0.1:${elsewhere.address().port}/model/`, 'is another site'],
    ['//example.org/model/', 'is another site'],
    ['data:text/plain,x', 'is another site'],
  ]) {
    await page.getByTestId('address').fill(address);
    await page.getByTestId('add-model').click();
    await page.getByTestId('failures').filter({ hasText: said }).waitFor();
  }
  await page.getByTestId('load-a').click();
  await ready(page, 'a');
  assert.equal(asked, 0, 'nobody else was asked');
});

test('an adapter goes with its model', async (t) => {
  const { page } = await opened(t);
  await page.getByText("A folder of this page's server").click();
  await page.getByTestId('address').fill('models/other/');
  await page.getByTestId('add-model').click();
  await page.getByTestId('adapter-b').selectOption({ label: '250 steps of GRPO on the demo' });
  await page.getByTestId('model-b').selectOption({ label: "the demo's policy" });
  assert.equal(await page.getByTestId('adapter-b').inputValue(), '');
});

test('of a run its checkpoints are there to choose, with the policy that they belong to', async (t) => {
  const { page } = await opened(t);
  const folder = mkdtempSync(join(tmpdir(), 'recode-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [part, names] of Object.entries(RUN)) {
    mkdirSync(join(folder, 'run', part), { recursive: true });
    for (const name of names) copyFileSync(join(DEMO, name), join(folder, 'run', part, name));
  }
  await page.getByTestId('load-demo').click();
  await ready(page, 'b');
  await page.getByTestId('open-folder').setInputFiles(join(folder, 'run'));
  await page.getByTestId('adapter-b').locator('option:checked', { hasText: 'run/checkpoints/step-000250' }).waitFor({ state: 'attached' });
  await page.getByTestId('model-b').locator('option:checked', { hasText: 'run/policy' }).waitFor({ state: 'attached' });
  // What is chosen is not yet what answers.
  await page.getByTestId('differs-b').filter({ hasText: 'load anew' }).waitFor();
  // Both at once: the second waits for the first one's base.
  await page.getByTestId('load-a').click();
  await page.getByTestId('load-b').click();
  await page.getByTestId('status-b').filter({ hasText: /run\/policy, run\/checkpoints\/step-000250: .*where A and B share the model/ }).waitFor();
  await page.getByTestId('ask').click();
  await answered(page, 'b');
  assert.equal(await completion(page, 'b'), AFTER[FIRST].completion);
  // Whoever is unloaded takes the answer along, and leaves the base to the other.
  await page.getByTestId('temperature').fill('9');
  await page.getByTestId('max_completion_length').fill('800');
  await page.getByTestId('ask').click();
  await page.getByTestId('outcome-a').filter({ hasText: 'answering' }).waitFor();
  await page.getByTestId('unload-a').click();
  await answered(page, 'b');
  assert.match(await page.getByTestId('answer-a').textContent(), /Not asked yet/);
});

test('a checkpoint of a run that the program serves is there to choose', { skip: !existsSync(TRAINER) && `no ${TRAINER}: RECODE_TRAINER=FILE names one` }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'recode-'));
  t.after(() => rmSync(folder, { recursive: true }));
  for (const [part, names] of Object.entries(RUN)) {
    mkdirSync(join(folder, 'live', part), { recursive: true });
    for (const name of names) copyFileSync(join(DEMO, name), join(folder, 'live', part, name));
  }
  writeFileSync(join(folder, 'live/metrics.jsonl'), '{"step":250,"reward":1}\n');
  const playground = spawn(TRAINER, ['playground', '--port', '0', '--page', fileURLToPath(new URL('../dist', import.meta.url)), '--follow', folder]);
  t.after(() => playground.kill());
  const { page } = await opened(t, { origin: await addressOf(playground) });
  // What comes with the page stays chosen.
  await page.getByTestId('model-b').locator('option', { hasText: 'live/policy' }).waitFor({ state: 'attached' });
  await page.getByTestId('model-b').locator('option:checked', { hasText: 'the demo' }).waitFor({ state: 'attached' });
  await page.getByTestId('model-b').selectOption('live/policy');
  await page.getByTestId('adapter-b').selectOption('live/checkpoints/step-000250');
  await page.getByTestId('device').selectOption('cpu');
  await page.getByTestId('load-b').click();
  await ready(page, 'b');
  await page.getByTestId('ask').click();
  await answered(page, 'b');
  assert.equal(await completion(page, 'b'), AFTER[FIRST].completion);
});

test('texts that are dragged are the fields’, files are the page’s', async (t) => {
  const { page } = await opened(t);
  const drop = (kind) => page.evaluate((kind) => {
    const data = new DataTransfer();
    if (kind === 'text') data.setData('text/plain', 'np.inf');
    else data.items.add(new File(['x'], 'notes.txt'));
    const event = new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
    document.body.dispatchEvent(event);
    return event.defaultPrevented;
  }, kind);
  assert.equal(await drop('text'), false);
  assert.equal(await drop('file'), true);
  await page.getByTestId('failures').filter({ hasText: '1 files, but no checkpoint' }).waitFor();
});

for (const [name, options] of Object.entries({
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 780 } },
})) {
  test(`${name}: nothing stands out of the page, and axe finds nothing serious`, async (t) => {
    const { page } = await opened(t, options);
    await page.getByTestId('device').selectOption('cpu');
    await page.getByTestId('load-demo').click();
    await ready(page, 'b');
    await page.getByTestId('ask').click();
    await answered(page, 'b');
    await page.screenshot({ path: `${SCREENSHOTS}try-${name}.png`, fullPage: true });
    const width = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(width, 0);
    // By the debugger's door, which the page's policy does not guard.
    const session = await page.context().newCDPSession(page);
    await session.send('Runtime.evaluate', { expression: readFileSync(AXE, 'utf8') });
    const violations = await page.evaluate(async () => (await window.axe.run(document)).violations);
    const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
    assert.deepEqual(serious.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`), []);
  });
}
