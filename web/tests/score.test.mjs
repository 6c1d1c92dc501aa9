// The page "Score": its story, by mouse and by keys, in both themes and on a narrow screen, and with texts that mean harm.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { answer, AXE, field, link, open, SCREENSHOTS, server, settled } from './playground.mjs';

const CASE = { rules: 'strict', update: 'row_stack is gone', old: 'np.row_stack(rows)', completion: answer('np.row_stack(rows)'), target: 'np.vstack(rows)' };

/** Opens the page for a test, and holds it to having complained of nothing. */
async function opened(t, options) {
  const { page, context, complaints } = await open(options);
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  return page;
}

const total = (page) => page.getByTestId('total').innerText();

async function becomes(page, expected) {
  await page.getByTestId('total').filter({ hasText: expected }).waitFor();
  await settled(page);
}

test('what is written is scored as it is written, beside what others would earn', async (t) => {
  const page = await opened(t, { hash: link(CASE) });
  // A copy: the format, and 3.5 (1 - 4/18) - 1.5.
  assert.equal(await total(page), '+2.222');
  assert.match(await page.getByTestId('verdict').innerText(), /As much as copying the old code/);
  const chart = page.getByTestId('waterfall').getByRole('img');
  assert.match(await chart.getAttribute('aria-label'), /format \+1\.000, es_star \+1\.222 gives a total of \+2\.222.*old code, copied \+2\.222, empty answer -1\.000, target \+3\.000/);
  await field(page, 'answer').fill(answer('np.vstack(rows)'));
  await becomes(page, '+3.000');
  assert.match(await page.getByTestId('higher').innerText(), /no more to earn/);
  await page.getByLabel('edit_gain').check();
  await field(page, 'answer').fill(answer('np.row_stack(rows)'));
  await becomes(page, '+0.200');
  assert.match(await page.getByTestId('part-edit_gain').innerText(), /no nearer to the target/);
  assert.match(await page.getByTestId('rules-paper').innerText(), /\+2\.222/);
});

test('the edit that would win the most is named, tried and made', async (t) => {
  const page = await opened(t, { hash: link(CASE) });
  assert.match(await page.getByTestId('higher').innerText(), /es_star lost 0\.778.*Change line 1 of the answer's code: \+0\.778/s);
  await page.getByTestId('apply').click();
  await becomes(page, '+3.000');
});

test('a syntax error is marked where it is', async (t) => {
  const page = await opened(t, { hash: link({ ...CASE, completion: answer('x = 1\nnp.vstack(rows))') }) });
  assert.match(await page.getByTestId('wrong-answer').innerText(), /not Python: .*line 2, column 16/);
  assert.equal(await page.getByTestId('completion').locator('mark').innerText(), ')');
  assert.equal(await page.getByTestId('field-answer').locator('.cm-wrong').innerText(), ')');
  assert.match(await page.getByTestId('verdict').innerText(), /withheld/);
});

test('code alone is scored in the asked-for form', async (t) => {
  const page = await opened(t, { hash: link(CASE) });
  await page.getByLabel('its code alone').check();
  await field(page, 'answer').fill('np.vstack(rows)');
  await becomes(page, '+3.000');
});

test('a link carries the case, and the address follows what is written', async (t) => {
  const page = await opened(t, { hash: link(CASE), permissions: ['clipboard-read', 'clipboard-write'] });
  await field(page, 'target').fill('np.hstack(rows)');
  await page.waitForURL(/hstack/);
  await page.getByTestId('copy-link').click();
  await page.getByText('copied', { exact: true }).waitFor();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const other = await opened(t, { hash: new URL(copied).hash });
  assert.equal(await other.getByTestId('total').innerText(), await total(page));
  assert.equal(await field(other, 'target').innerText(), 'np.hstack(rows)');
});

test('typing over lines that are selected replaces them, and the browser has nothing to complain of', async (t) => {
  const page = await opened(t, { hash: link({ ...CASE, old: 'a = 1\nb = 2\nc = 3' }) });
  await field(page, 'old').click();
  await page.keyboard.press('Control+Home');
  await page.keyboard.press('Shift+ArrowDown');
  await page.keyboard.type('xy');
  await page.waitForURL(/old=xyb%20%3D%202%0Ac%20%3D%203&/);
  await page.keyboard.press('Control+z');
  await page.waitForURL(/old=a%20%3D%201%0Ab%20%3D%202%0Ac%20%3D%203&/);
});

test('the two differences say what they are', async (t) => {
  const page = await opened(t, { hash: link({ ...CASE, completion: answer('# as ever\nnp.row_stack(rows)') }) });
  const section = page.locator('section section', { has: page.getByRole('heading', { name: 'Answer and target' }) });
  assert.match(await section.innerText(), /scorer's own alignment/);
  assert.equal(await section.getByText('# as ever').count(), 0);
  assert.deepEqual([await section.locator('del').innerText(), await section.locator('ins').innerText()], ['row_', 'v']);
  await section.getByLabel('as written').check();
  await section.getByText('# as ever').waitFor();
  assert.equal(await page.getByTestId('completion').locator('.out').innerText(), '# as ever');
});

test('every example has a score', async (t) => {
  const page = await opened(t);
  const options = await page.getByTestId('example').locator('option').count();
  const totals = [];
  for (let at = 0; at < options - 1; at += 1) {
    await page.getByTestId('example').selectOption(`${at}`);
    await page.waitForTimeout(20);
    await settled(page);
    totals.push(await total(page));
  }
  // The target, and a bracket that is open.
  assert.deepEqual([totals.length, totals[1], totals[3]], [6, '+3.000', '-1.000']);
});

test('keys do all of it, and nothing while somebody types', async (t) => {
  const page = await opened(t, { hash: link(CASE), permissions: ['clipboard-read', 'clipboard-write'] });
  await page.keyboard.press('?');
  const help = page.getByTestId('help');
  await help.getByText('copy a link').waitFor();
  await page.keyboard.press('Escape');
  await help.waitFor({ state: 'hidden' });
  await page.keyboard.press('d');
  assert.ok(await page.getByRole('radio', { name: 'as written' }).isChecked());
  await page.keyboard.press('c');
  await page.getByText('copied', { exact: true }).waitFor();
  await field(page, 'update').focus();
  await page.keyboard.type('?d1c');
  assert.match(await field(page, 'update').innerText(), /\?d1c/);
  assert.ok(!(await help.isVisible()) && (await page.getByRole('radio', { name: 'as written' }).isChecked()));
  // From the top by Tab: the link past the tabs, the tab, the help, the file, example, rules, four fields.
  await page.reload();
  await settled(page);
  await page.locator('.cm-content').nth(3).waitFor();
  const met = [];
  for (let at = 0; at < 16; at += 1) {
    await page.keyboard.press('Tab');
    met.push(await page.evaluate(() => {
      let element = document.activeElement;
      while (element.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
      return element.getAttribute('aria-label') ?? element.dataset.testid ?? element.innerText;
    }));
  }
  for (const name of ['Update info', 'Old code', 'Answer', 'True migration', 'example', 'open-file']) assert.ok(met.includes(name), `${name} in ${met}`);
  // Switched off they stay off.
  await page.getByRole('button', { name: 'keyboard shortcuts' }).click();
  await page.getByTestId('single-keys').uncheck();
  await page.keyboard.press('Escape');
  await page.keyboard.press('?');
  await page.waitForTimeout(50);
  assert.ok(!(await help.isVisible()));
  await page.reload();
  await page.getByTestId('total').waitFor();
  await page.keyboard.press('?');
  await page.waitForTimeout(50);
  assert.ok(!(await help.isVisible()));
});

const HOSTILE = [
  '<script>window.harmed = 1</script>',
  '<img src=x onerror="window.harmed = 1">',
  '"><svg onload="window.harmed = 1">',
  "{{constructor.constructor('window.harmed = 1')()}}",
  'if access != "user\u202e \u2066# check\u2069 \u2066":',
  'x\u200b = "\ufeff\u0000\u0007"',
].join('\n');

test('texts that mean harm are shown as what they are', async (t) => {
  const text = answer(HOSTILE, HOSTILE);
  const page = await opened(t, { hash: link({ update: HOSTILE, old: HOSTILE, completion: text, target: `${HOSTILE}\nx` }) });
  await page.getByRole('radio', { name: 'as written' }).check();
  const rows = [{ completion: text, target: HOSTILE, old_code: 'x', dependency: HOSTILE }, { completion: HOSTILE }];
  await page.getByTestId('open-file').setInputFiles({ name: '<img src=x onerror=window.harmed=1>\u202e.jsonl', mimeType: '', buffer: Buffer.from(rows.map((row) => JSON.stringify(row)).join('\n')) });
  await page.getByTestId('row').first().waitFor();
  await page.getByTestId('faults').waitFor();
  const seen = await page.evaluate(() => ({ harmed: window.harmed, tags: document.querySelectorAll('script:not([src]), img, [onload], [onerror]').length, text: document.body.innerText }));
  assert.deepEqual([seen.harmed, seen.tags], [undefined, 0]);
  assert.match(seen.text, /<script>window\.harmed = 1<\/script>/);
  assert.ok(!/[\u202e\u2066\u200b\u0007]/.test(seen.text));
  for (const escape of ['\\u{202e}', '\\u{2066}', '\\u{200b}', '\\u{feff}', '\\u{0}']) assert.ok(seen.text.includes(escape), escape);
  assert.ok((await field(page, 'answer').innerText()).includes('\\u{202e}'));
  // What names the piece of the text that is wrong.
  const other = await opened(t, { hash: link({ ...CASE, completion: answer('a = \u202ey') }) });
  await other.getByTestId('wrong-answer').filter({ hasText: 'not Python: ' }).waitFor();
  const said = await other.evaluate(() => document.body.innerText);
  assert.ok(!said.includes('\u202e') && said.includes('\\u{202e}'));
});

test('nothing is asked of any other host, and nothing twice', async (t) => {
  const begun = server.asked.length;
  const page = await opened(t);
  const hosts = [];
  page.on('request', (request) => hosts.push(new URL(request.url()).origin));
  await page.getByTestId('open-file').setInputFiles({ name: 'a.jsonl', mimeType: '', buffer: Buffer.from(JSON.stringify({ completion: 'a', target: 'b' })) });
  await page.getByTestId('row').waitFor();
  const asked = server.asked.slice(begun).map(({ path }) => path);
  assert.equal(asked.filter((path) => path.endsWith('.wasm')).length, 1, `${asked}`);
  assert.deepEqual(hosts.filter((host) => !server.origin.startsWith(host) && host !== 'null'), []);
});

test('without the editors everything still works', async (t) => {
  const { page, context } = await open({ hash: link(CASE), editors: false });
  t.after(() => context.close());
  await page.getByLabel('True migration').fill('np.row_stack(rows)');
  await becomes(page, '+3.000');
});

test('a line that is too long to be drawn is cut, and how much of it is missing is said', async (t) => {
  const { page, context } = await open({ hash: link(CASE), editors: false });
  t.after(() => context.close());
  await page.getByLabel('True migration').fill(`x = "${'a'.repeat(1_000_000)}"`);
  await page.getByTestId('results').getByText('as written').click();
  const cut = page.getByTestId('line-cut');
  await cut.filter({ hasText: /^ … 990006 more bytes of this line, too many to show$/ }).waitFor();
  await settled(page);
  assert.ok((await page.getByTestId('diff').innerText()).length < 11_000);
});

test('the tables are saved as they stand', async (t) => {
  const page = await opened(t, { hash: link(CASE) });
  const saved = async (name) => {
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId(`save-${name}`).click()]);
    return readFileSync(await download.path(), 'utf8').split('\r\n');
  };
  const parts = await saved('parts');
  assert.equal(parts[0], 'part,weight,value,best,why not more');
  assert.match(parts.find((line) => line.startsWith('es_star,')), /^es_star,× 1,-?\d+\.\d+,2,/);
  const rules = await saved('by-other-rules');
  assert.equal(rules[0], 'rules,total,format,es_star,em_star,edit_gain,similarity');
  assert.equal(rules.length, 5);
});

test('the prompt goes to the page that lets checkpoints answer it', async (t) => {
  const page = await opened(t, { hash: link(CASE) });
  await page.getByTestId('try-prompt').click();
  await page.getByTestId('ask').waitFor();
  // The address carries it.
  await page.waitForFunction((old) => location.hash.startsWith('#/try?') && decodeURIComponent(location.hash).includes(`old=${old}`), CASE.old);
});

test('what of an address is not understood is said in place', async (t) => {
  const page = await opened(t, { hash: link({ ...CASE, rules: 'harsh', later: '1' }) });
  assert.match(await page.getByTestId('odd-link').innerText(), /rules=harsh \(expected paper, strict or edit_gain\); later \(no such name here\)/);
  await page.evaluate(() => (location.hash = '#/nowhere'));
  await page.getByTestId('odd-link').filter({ hasText: '#/nowhere (there is no such page)' }).waitFor();
  await page.getByRole('link', { name: 'Compare' }).click();
  await page.getByTestId('odd-link').waitFor({ state: 'detached' });
});

test('rules stand in an address without a case', async (t) => {
  const page = await opened(t, { hash: '#/score?rules=paper' });
  assert.ok(await page.getByRole('radio', { name: 'paper' }).isChecked());
  await page.locator('.figure').filter({ hasText: 'of 3 by paper' }).waitFor();
  assert.equal(await page.getByTestId('odd-link').count(), 0);
});

test('a space that code does not have is seen', async (t) => {
  const page = await opened(t, { hash: link({ ...CASE, completion: answer('np.vstack(\u00a0rows)') }) });
  assert.match(await page.getByTestId('completion').innerText(), /np\.vstack\(\\u\{a0\}rows\)/);
});

const lines = (count) => Array.from({ length: count }, (_, at) => `value_${at} = compute(${at}, "text ${at}")`).join('\n');

/** Puts a text into a textarea: to fill it as if by typing takes the browser half a minute. */
const put = (page, name, text) =>
  page.evaluate(([name, text]) => {
    const area = document.querySelector(`[data-testid="field-${name}"] textarea`);
    area.value = text;
    area.dispatchEvent(new Event('input', { bubbles: true }));
  }, [name, text]);

test('a long row never holds the typing up, and the longest is refused with both numbers', async (t) => {
  const { page, context } = await open({ editors: false });
  t.after(() => context.close());
  // 100 KB, and a target that differs here and there.
  const target = lines(2600);
  await put(page, 'target', target);
  await put(page, 'answer', answer(target.replaceAll('compute(7', 'computed(7')));
  await page.getByTestId('scoring').filter({ hasText: 'scoring…' }).waitFor();
  await settled(page);
  const before = await page.getByTestId('total').innerText();
  assert.match(before, /^\+2\.9\d+$/);
  const longest = await page.evaluate(async () => {
    const area = document.querySelector('[data-testid="field-answer"] textarea');
    let longest = 0;
    for (let key = 0; key < 10; key += 1) {
      const begun = performance.now();
      area.value += '\nx';
      area.dispatchEvent(new Event('input', { bubbles: true }));
      await new Promise(requestAnimationFrame);
      longest = Math.max(longest, performance.now() - begun);
      await new Promise((done) => setTimeout(done, 30));
    }
    return longest;
  });
  console.log(`a key in a row of 200 KB takes ${longest.toFixed(1)} ms at most`);
  assert.ok(longest < 150, `${longest} ms`);
  await settled(page);
  await page.getByTestId('verdicts').waitFor();
  await put(page, 'target', 'x'.repeat((1 << 20) + 1));
  await page.getByTestId('unscored').filter({ hasText: 'the true migration has 1048577 bytes, more than the 1048576 of a text that are scored' }).waitFor();
});

test('while a long row is scored, all of the page is of the texts as they were', async (t) => {
  const { page, context, complaints } = await open({ hash: link(CASE), editors: false });
  t.after(() => context.close());
  // 22 KB, and an answer of 5.
  await put(page, 'target', lines(500));
  await put(page, 'answer', answer(`${lines(110)} # é`));
  await page.getByTestId('completion').filter({ hasText: 'value_109' }).waitFor();
  await settled(page);
  const seen = () => page.evaluate(() => ['total', 'completion', 'verdicts', 'diff'].map((id) => document.querySelector(`[data-testid="${id}"]`)?.innerText));
  const before = await seen();
  // The details follow after 60 ms, and the worker is asked after 150.
  const during = await page.evaluate(async () => {
    const area = document.querySelector('[data-testid="field-answer"] textarea');
    area.value = 'é';
    area.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((done) => setTimeout(done, 110));
    const shown = ['total', 'completion', 'verdicts', 'diff'].map((id) => document.querySelector(`[data-testid="${id}"]`)?.innerText);
    return { shown, said: document.querySelector('[data-testid="scoring"]').innerText };
  });
  assert.match(during.said, /^scoring…/);
  assert.deepEqual(during.shown, before);
  await page.getByTestId('scoring').filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
  await settled(page);
  assert.equal(await page.getByTestId('completion').innerText(), 'é');
  assert.match(await page.getByTestId('rules-strict').innerText(), /-3\.000/);
  // Without old code nothing is said of a copy, whatever was said before.
  await put(page, 'old', '');
  await page.getByTestId('scoring').filter({ hasText: /^scoring…/ }).waitFor();
  await page.getByTestId('scoring').filter({ hasText: /^$/ }).waitFor({ state: 'attached' });
  assert.match(await page.getByTestId('waterfall').getByRole('img').getAttribute('aria-label'), /For comparison: empty answer -1\.000, target \+3\.000/);
  assert.deepEqual(complaints.filter((said) => !said.includes('editor.js') && !said.includes('ERR_FAILED')), []);
});

for (const [name, options] of Object.entries({
  light: { colorScheme: 'light' },
  dark: { colorScheme: 'dark' },
  narrow: { colorScheme: 'light', viewport: { width: 360, height: 780 } },
  'narrow-dark': { colorScheme: 'dark', viewport: { width: 360, height: 780 } },
})) {
  test(`${name}: nothing stands out of the page, and axe finds nothing serious`, async (t) => {
    const page = await opened(t, options);
    await page.screenshot({ path: `${SCREENSHOTS}score-${name}.png`, fullPage: true });
    // An answer that is not Python, and rows.
    await page.getByTestId('example').selectOption('3');
    const rows = ['np.vstack(a)', 'np.row_stack(a)', 'np.vstack(', 'np.vstack(a, b)'].map((code, at) => JSON.stringify({ completion: answer(code), target: 'np.vstack(a)', old_code: 'np.row_stack(a)', dependency: at % 2 ? 'numpy' : 'pandas' }));
    await page.getByTestId('open-file').setInputFiles({ name: 'rows.jsonl', mimeType: '', buffer: Buffer.from(`${rows.join('\n')}\n{"completion": 1}\n`) });
    await page.getByTestId('row').nth(3).waitFor();
    await page.keyboard.press('j');
    await page.waitForTimeout(200);
    await page.screenshot({ path: `${SCREENSHOTS}rows-${name}.png`, fullPage: true });
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
