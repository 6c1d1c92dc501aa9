// Files of rows: walked, sorted, filtered, saved, stopped, and wrong in all the ways that files are.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { answer, field, open } from './playground.mjs';

async function opened(t) {
  const { page, context, complaints } = await open();
  t.after(async () => {
    await context.close();
    assert.deepEqual(complaints, []);
  });
  return page;
}

async function give(page, name, text) {
  await page.getByTestId('open-file').setInputFiles({ name, mimeType: '', buffer: Buffer.from(text) });
}

async function done(page, rows) {
  await page.getByTestId('progress').filter({ hasText: new RegExp(`^${rows} rows?$`) }).waitFor();
}

const row = (code, more = {}) => JSON.stringify({ completion: answer(code), target: 'np.vstack(a)', old_code: 'np.row_stack(a)', update_info: `about ${code}`, ...more });
const lines = (page) => page.getByTestId('row').evaluateAll((rows) => rows.map((row) => row.cells[0].innerText));
const FOUR = [row('np.vstack(a)', { dependency: 'numpy', total: 3 }), row('np.row_stack(a)', { dependency: 'pandas', total: 3 }), '', row('np.vstack('), row('x')].join('\n');

test('rows are walked by keys, each with its case', async (t) => {
  const page = await opened(t);
  await give(page, 'rows.jsonl', FOUR);
  await done(page, 4);
  await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
  await page.keyboard.press('j');
  await page.getByTestId('total').filter({ hasText: '+2.067' }).waitFor();
  assert.match(await field(page, 'update').innerText(), /about np\.row_stack/);
  await page.keyboard.press('j');
  await page.getByTestId('total').filter({ hasText: '-1.000' }).waitFor();
  await page.keyboard.press('k');
  await page.getByTestId('total').filter({ hasText: '+2.067' }).waitFor();
  assert.equal(await page.locator('tr[aria-selected="true"]').getAttribute('aria-rowindex'), '3');
});

test('a data set is walked, and an answer to its rows written', async (t) => {
  const page = await opened(t);
  const asked = (at) => JSON.stringify({ dependency: 'numpy', update_info: `u${at}`, old_code: 'np.row_stack(a)', new_code: 'np.vstack(a)' });
  await give(page, 'data.jsonl', `${Array.from({ length: 300 }, (_, at) => asked(at)).join('\n')}\n${'[1]\n'.repeat(40)}`);
  await done(page, 340);
  await page.getByTestId('unanswered').filter({ hasText: '300 rows have no completion' }).waitFor();
  // The same is said once.
  assert.match(await page.getByTestId('faults').innerText(), /40 lines could not be read\s*data\.jsonl:301: not an object.*\(and 39 more lines like it\)$/);
  await page.keyboard.press('j');
  await page.getByTestId('total').filter({ hasText: '-3.000' }).waitFor();
  await page.getByLabel('its code alone').check();
  await field(page, 'answer').fill('np.vstack(a)');
  await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
  assert.equal((await page.getByTestId('row').nth(1).innerText()).match(/not answered · changed/)?.length, 1);
});

test('an answer that failed is none of a row that waits for one', async (t) => {
  const page = await opened(t);
  await give(page, 'results.jsonl', [row('np.vstack(a)'), row('x', { completion: null }), row('x', { completion: undefined })].join('\n'));
  await done(page, 3);
  await page.getByTestId('unanswered').filter({ hasText: '1 row has no completion' }).waitFor();
  assert.match(await page.getByTestId('faults').innerText(), /1 line could not be read\s*results\.jsonl:2: completion is null, not a text/);
});

test('what a row was changed to stays while others are looked at, and the file has its own', async (t) => {
  const page = await opened(t);
  await give(page, 'rows.jsonl', FOUR);
  await done(page, 4);
  await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
  assert.equal(await page.getByTestId('edited').count(), 0);
  await field(page, 'target').fill('other(a)');
  await page.getByTestId('edited').waitFor();
  const total = await page.getByTestId('total').filter({ hasNotText: '+3.000' }).innerText();
  await page.locator('body').click({ position: { x: 3, y: 3 } });
  await page.keyboard.press('j');
  await page.getByTestId('total').filter({ hasText: '+2.067' }).waitFor();
  assert.equal(await page.getByTestId('edited').count(), 0);
  await page.keyboard.press('k');
  await page.getByTestId('total').filter({ hasText: total }).waitFor();
  assert.equal((await field(page, 'target').innerText()).trim(), 'other(a)');
  await page.getByTestId('as-in-file').click();
  await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
  assert.equal(await page.getByTestId('edited').count(), 0);
});

test('an example takes the place of a row, and not that of what the row was changed to', async (t) => {
  const page = await opened(t);
  await give(page, 'rows.jsonl', FOUR);
  await done(page, 4);
  await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
  await field(page, 'target').fill('other(a)');
  await page.getByTestId('edited').waitFor();
  const total = await page.getByTestId('total').filter({ hasNotText: '+3.000' }).innerText();
  await page.getByTestId('example').selectOption('1');
  await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
  assert.equal(await page.locator('tr[aria-selected="true"]').count(), 0);
  assert.equal(await page.getByTestId('edited').count(), 0);
  await page.getByTestId('row').first().click();
  await page.getByTestId('total').filter({ hasText: total }).waitFor();
  assert.equal((await field(page, 'target').innerText()).trim(), 'other(a)');
});

test('rows are sorted and filtered by each score, and saved as they are shown', async (t) => {
  const page = await opened(t);
  await give(page, 'rows.jsonl', FOUR);
  await done(page, 4);
  assert.deepEqual(await lines(page), ['1', '2', '4', '5']);
  await page.getByTestId('sort-total').click();
  await page.getByTestId('sort-total').click();
  assert.deepEqual(await lines(page), ['4', '5', '2', '1']);
  await page.keyboard.press('/');
  await page.keyboard.type('-0.8');
  await page.locator('#filter-column').selectOption('edit_gain');
  await page.getByTestId('filter-add').click();
  assert.deepEqual(await lines(page), ['2', '1']);
  assert.match(await page.getByTestId('summary').innerText(), /2 of 4 rows shown, mean total \+2\.533 of 2/);
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByTestId('save-jsonl').click()]);
  const saved = (await readFile(await download.path(), 'utf8')).trim().split('\n').map((line) => JSON.parse(line));
  assert.deepEqual(saved.map(({ line, dependency, outcome }) => [line, dependency, outcome]), [[2, 'pandas', 'no nearer than the old code'], [1, 'numpy', 'exact']]);
  const [csv] = await Promise.all([page.waitForEvent('download'), page.getByTestId('save-csv').click()]);
  assert.match(await readFile(await csv.path(), 'utf8'), /^line,total,.*\r\n2,2\.06/);
  await page.getByRole('button', { name: 'edit_gain ≥ -0.8' }).click();
  await page.getByRole('button', { name: /not the logged total 1/ }).click();
  assert.deepEqual(await lines(page), ['2']);
});

test('other rules score the file again', async (t) => {
  const page = await opened(t);
  await give(page, 'rows.jsonl', FOUR);
  await done(page, 4);
  await page.getByLabel('edit_gain').check();
  await page.getByTestId('row').nth(1).filter({ hasText: '+0.200' }).waitFor();
});

test('what is wrong with a file is said by line, and the rest is there', async (t) => {
  const page = await opened(t);
  await give(page, 'mixed.jsonl', [row('x'), '{"completion": 7, "target": "t"}', 'nothing', '[1]', '{"row": 3, "completion": "c", "advantage": 1}', '{"completion": "cut'].join('\n'));
  await done(page, 6);
  const faults = await page.getByTestId('faults').innerText();
  for (const said of [/mixed\.jsonl:2: completion is a number, not a text/, /:3: not JSON: .*; expected one object a line/, /:4: not an object/, /:5: a line of a run's completions/, /:6: the line ends within its object: was the file cut off\?/]) assert.match(faults, said);
  // Where the score stood, and instead of it.
  await page.keyboard.press('j');
  await page.getByTestId('unread').filter({ hasText: 'line 2: completion is a number' }).waitFor();
  assert.equal(await page.getByTestId('total').count(), 0);
  assert.equal((await field(page, 'answer').innerText()).trim(), '');
  await page.keyboard.press('k');
  await page.getByTestId('total').waitFor();
  assert.equal(await page.getByTestId('unread').count(), 0);
  await give(page, 'empty.jsonl', '\n\n');
  await page.getByTestId('progress').filter({ hasText: 'no rows: expected JSON Lines' }).waitFor();
  await give(page, 'latin.jsonl', Buffer.from('{"completion": "caf\u00e9", "target": "t"}\n', 'latin1'));
  await page.getByTestId('faults').filter({ hasText: 'not UTF-8' }).waitFor();
  await page.getByTestId('close-file').click();
  assert.equal(await page.getByTestId('rows').count(), 0);
});

test('rows may be pasted and dropped', async (t) => {
  const page = await opened(t);
  const send = (kind, text) =>
    page.evaluate(
      ([kind, text]) => {
        const data = new DataTransfer();
        if (kind === 'paste') data.setData('text/plain', text);
        else data.items.add(new File([text], 'dropped.jsonl'));
        const event = kind === 'paste' ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true }) : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
        document.body.dispatchEvent(event);
      },
      [kind, text],
    );
  await send('paste', FOUR);
  await done(page, 4);
  assert.match(await page.getByTestId('file').innerText(), /pasted rows/);
  await send('drop', row('x'));
  await done(page, 1);
  assert.match(await page.getByTestId('file').innerText(), /dropped\.jsonl/);
});

test('what is no JSON Lines is named once, by what it is', async (t) => {
  const page = await opened(t);
  const list = JSON.stringify([{ completion: 'c', target: 't' }], null, 1);
  const files = {
    'rows.jsonl.gz': [Buffer.from([0x1f, 0x8b, 8, 0, 10, 0, 10]), /a packed file \(gzip\): unpack it first/],
    'picture.png': [Buffer.from([0x89, 0x50, 0x4e, 0x47, 10, 0xff, 0xfe, 10]), /not UTF-8 text: its first line/],
    'utf16.jsonl': [Buffer.from(`\ufeff${FOUR}`, 'utf16le'), /UTF-16 text: save it as UTF-8/],
    'list.json': [list, /one JSON list: write its objects a line each/],
    'metrics.jsonl': ['{"step": 1, "reward": 1, "learning_rate": 0}\n'.repeat(9), /a run's metrics, which hold no answers: the page Training reads them/],
  };
  for (const [name, [bytes, said]] of Object.entries(files)) {
    await give(page, name, bytes);
    await page.getByTestId('file-failure').filter({ hasText: said }).waitFor();
    assert.equal(await page.getByTestId('progress').innerText(), 'not read');
    assert.equal(await page.getByTestId('faults').count(), 0);
  }
});

test('a number that is none costs its value and not its line', async (t) => {
  const page = await opened(t);
  await give(page, 'nan.jsonl', row('np.vstack(a)', { total: 9 }).replace('9', 'NaN'));
  await done(page, 1);
  assert.match(await page.getByTestId('remarks').innerText(), /1 line read without a value\s*nan\.jsonl:1: total is NaN, for which JSON has no number/);
  assert.equal(await page.getByTestId('faults').count(), 0);
  await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
});

test('a file without line ends is given up', async (t) => {
  const page = await opened(t);
  await page.evaluate(() => {
    const piece = 'x'.repeat(1 << 20);
    const data = new DataTransfer();
    data.items.add(new File(Array.from({ length: 400 }, () => piece), 'one-line.jsonl'));
    window.said = [];
    new MutationObserver(() => window.said.push(document.querySelector('[data-testid="progress"]')?.textContent)).observe(document.querySelector('[data-testid="file"]'), { childList: true, subtree: true, characterData: true });
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  });
  await page.getByTestId('file-failure').filter({ hasText: /^line 1 does not end within \d+ bytes, and 67108864 are waited for/ }).waitFor();
  const said = await page.evaluate(() => window.said);
  assert.ok(said.some((said) => /^0 rows, [1-9]\d? %$/.test(said)), `${[...new Set(said)]}`);
});

test('the file is there when one comes back from another page, and the address says what is', async (t) => {
  const page = await opened(t);
  await give(page, 'rows.jsonl', FOUR);
  await done(page, 4);
  await page.getByTestId('sort-total').click();
  await page.keyboard.press('k');
  await page.keyboard.press('j');
  await page.getByTestId('total').filter({ hasText: '+2.067' }).waitFor();
  await field(page, 'target').fill('np.row_stack(a)');
  await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
  await page.keyboard.press('Tab');
  await page.getByTestId('rows').focus();
  for (const [key, ready] of [['2', 'compare-verdict'], ['3', 'legend']]) {
    await page.keyboard.press(key);
    await page.getByTestId(ready).waitFor();
    await page.keyboard.press('1');
    await done(page, 4);
    // The row, and what was made of it since.
    await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
    assert.equal(await page.locator('tr[aria-selected="true"]').getAttribute('aria-rowindex'), '3');
    assert.match(await page.evaluate(() => location.hash), /^#\/score\?.*target=np\.row_stack/);
  }
  await page.getByTestId('as-in-file').click();
  await page.getByTestId('total').filter({ hasText: '+2.067' }).waitFor();
  // A link's case is no row's, and stays when the rows are scored by its rules.
  await page.evaluate(() => (location.hash = '#/score?rules=paper&target=x&code=x'));
  await page.getByTestId('total').filter({ hasText: '+3.000' }).waitFor();
  await done(page, 4);
  assert.equal(await page.locator('tr[aria-selected="true"]').count(), 0);
  assert.equal(await field(page, 'target').innerText(), 'x');
});

test('a file that is left while it is read is read to its end', async (t) => {
  const page = await opened(t);
  const long = `${row('np.vstack(a)\n'.repeat(400))}\n`;
  await give(page, 'long.jsonl', long.repeat(3000));
  await page.getByTestId('row').first().waitFor();
  assert.match(await page.getByTestId('progress').innerText(), /%/);
  await page.keyboard.press('2');
  await page.getByTestId('compare-verdict').waitFor();
  await page.keyboard.press('1');
  await done(page, 3000);
});

test('reading stops when it is told to, and what was read stays', async (t) => {
  const page = await opened(t);
  const long = `${row('np.vstack(a)\n'.repeat(400))}\n`;
  await give(page, 'long.jsonl', long.repeat(3000));
  await page.getByTestId('row').first().waitFor();
  await page.keyboard.press('Escape');
  await page.getByTestId('progress').filter({ hasText: /^stopped after \d+ rows$/ }).waitFor();
  assert.ok((await lines(page)).length > 0);
});

test('of a completion of many lines some are drawn, and the others on demand', async (t) => {
  const page = await opened(t);
  const code = (name) => Array.from({ length: 1500 }, (_, line) => `x${line} = np.${name}([a, ${line}])`).join('\n');
  await give(page, 'long.jsonl', JSON.stringify({ completion: answer(code('row_stack')), target: code('vstack') }));
  await done(page, 1);
  const drawn = async () => [await page.getByTestId('diff').locator('tbody tr').count(), (await page.getByTestId('completion').innerText()).split('\n').length];
  // 1,500 lines of code, and five around them.
  await page.getByTestId('more-lines').filter({ hasText: '1305 more lines of 1505 not shown' }).waitFor();
  const difference = page.getByTestId('more-lines').filter({ hasText: '1300 more lines of 1500 not shown' });
  assert.deepEqual(await drawn(), [200, 201]);
  await difference.getByRole('button', { name: 'Show 1000 more' }).click();
  assert.equal((await drawn())[0], 1200);
  await page.getByRole('button', { name: 'Show 300 more' }).click();
  await page.getByRole('button', { name: 'Show 1000 more' }).click();
  await page.getByRole('button', { name: 'Show 305 more' }).click();
  assert.deepEqual(await drawn(), [1500, 1505]);
  await field(page, 'old').fill('x0 = np.row_stack([a, 0])');
  await page.getByTestId('scoring').filter({ hasText: 'scoring…' }).waitFor();
  await page.waitForFunction(() => document.querySelector('[data-testid="results"]').ariaBusy === 'false');
  assert.deepEqual(await drawn(), [1500, 1505]);
  assert.equal(await page.getByTestId('more-lines').count(), 0);
  assert.match(await page.getByTestId('completion').innerText(), /x1499 = .*\n```\n<\/answer>$/);
});
