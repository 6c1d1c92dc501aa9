// How fast the page is, against the limits that it was built for; the numbers go to web/measured.json.
//
// A machine that has other work takes longer than the page does: the test fails at three times a limit of time, and the file has the best of
// the runs beside their median.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { after, test } from 'node:test';
import { answer, browser, field, link, open, server } from './playground.mjs';

const measured = {};
after(() => writeFileSync(new URL('../measured.json', import.meta.url), `${JSON.stringify(measured, null, 2)}\n`));

const BUSY = 3;
const rounded = (value) => Math.round(value * 10) / 10;

/** Keeps times in milliseconds and holds their median to a limit. */
function hold(t, name, times, limit) {
  times.sort((a, b) => a - b);
  const [best, median] = [rounded(times[0]), rounded(times[Math.floor(times.length / 2)])];
  measured[name] = { median_ms: median, best_ms: best, limit_ms: limit };
  t.diagnostic(`${name}: ${median} ms, at best ${best}, limit ${limit}`);
  assert.ok(median <= BUSY * limit, `${name}: ${median} ms, where ${limit} were the limit`);
}

test('the first load is small, and the first score soon there', async (t) => {
  const times = [];
  for (let run = 0; run < 5; run += 1) {
    server.asked.length = 0;
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.addInitScript(() => {
      new MutationObserver((_, observer) => {
        if (!document.querySelector('[data-testid="total"]')?.textContent) return;
        observer.disconnect();
        window.firstScore = performance.now();
      }).observe(document, { childList: true, subtree: true, characterData: true });
    });
    await page.goto(server.origin);
    await page.waitForFunction(() => window.firstScore);
    times.push(await page.evaluate(() => window.firstScore));
    await context.close();
  }
  const first = server.asked.filter(({ path }) => !path.endsWith('/editor.js'));
  const bytes = first.reduce((sum, { bytes }) => sum + bytes, 0);
  measured['first load'] = { bytes, limit_bytes: 800_000 };
  t.diagnostic(`first load: ${bytes} bytes`);
  assert.ok(bytes <= 800_000, `${bytes} bytes`);
  hold(t, 'first score', times, 300);
});

const LONG = Array.from({ length: 100 }, (_, line) => `value_${line} = np.row_stack([rows, ${line}, ${line}])`).join('\n').slice(0, 4000);

/** How long after what `begin` listens for the results change, for every change. */
async function watch(page, begin) {
  await page.evaluate((begin) => {
    window.taken = [];
    let begun;
    addEventListener(begin, () => (begun = performance.now()), true);
    new MutationObserver(() => {
      if (begun) window.taken.push(performance.now() - begun);
      begun = undefined;
    }).observe(document.querySelector('[data-testid="results"]'), { childList: true, subtree: true, characterData: true });
  }, begin);
}

const LONG_CASE = link({ old: LONG, completion: answer(LONG), target: LONG.replaceAll('row_stack', 'vstack') });

test('a keystroke is scored before the next frame, at 4,000 characters', async (t) => {
  const { page, context } = await open({ hash: LONG_CASE, editors: false });
  t.after(() => context.close());
  await watch(page, 'input');
  await page.evaluate(async () => {
    const area = document.getElementById('field-answer');
    for (let line = 0; line < 30; line += 1) {
      area.value = area.value.replace('np.row_stack', 'np.rows_stack');
      area.dispatchEvent(new InputEvent('input', { bubbles: true }));
      await new Promise((done) => setTimeout(done, 150));
    }
  });
  const taken = await page.evaluate(() => window.taken);
  assert.equal(taken.length, 30);
  hold(t, 'rescoring at 4,000 characters', taken, 16);
});

test('with the editor a keystroke takes little more', async (t) => {
  const { page, context } = await open({ hash: LONG_CASE });
  t.after(() => context.close());
  await watch(page, 'keydown');
  await field(page, 'answer').click();
  await page.keyboard.press('Control+Home');
  for (let key = 0; key < 30; key += 1) {
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('End');
    await page.keyboard.type('x');
    await page.waitForTimeout(150);
  }
  const taken = await page.evaluate(() => window.taken);
  assert.ok(taken.length >= 20, `${taken.length} keystrokes changed the page`);
  hold(t, 'keystroke in the editor at 4,000 characters', taken, 33);
});

test('10,000 rows are scored in two seconds and scrolled without a long frame', async (t) => {
  const { page, context } = await open();
  t.after(() => context.close());
  const row = (at) => {
    const old = `import numpy as np\n\nrows_${at} = np.row_stack([first, second])\nprint(rows_${at}.shape)`;
    const code = at % 7 ? old.replace('row_stack', at % 3 ? 'vstack' : 'hstack') : 'x = (';
    return JSON.stringify({ completion: answer(code), target: old.replace('row_stack', 'vstack'), old_code: old, dependency: `library ${at % 20}` });
  };
  const text = Array.from({ length: 10_000 }, (_, at) => row(at)).join('\n');
  const taken = await page.evaluate(async (text) => {
    const data = new DataTransfer();
    data.items.add(new File([text], 'rows.jsonl'));
    const begun = performance.now();
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    while (document.querySelector('[data-testid="progress"]')?.textContent !== '10000 rows') await new Promise(requestAnimationFrame);
    return performance.now() - begun;
  }, text);
  hold(t, '10,000 rows read and scored', [taken], 2000);
  assert.ok((await page.getByTestId('row').count()) < 60);
  const frames = await page.evaluate(async () => {
    const rows = document.querySelector('[data-testid="rows"]');
    const frame = () => new Promise(requestAnimationFrame);
    const frames = [];
    let last = await frame();
    for (let at = 0; at < 120; at += 1) {
      rows.scrollTop += at % 10 ? 400 : 20_000;
      const now = await frame();
      frames.push(now - last);
      last = now;
    }
    return frames;
  });
  hold(t, 'longest frame while scrolling 10,000 rows', [Math.max(...frames)], 50);
  const sorted = await page.evaluate(async () => {
    const begun = performance.now();
    document.querySelector('[data-testid="sort-total"]').click();
    await new Promise(requestAnimationFrame);
    await new Promise((done) => setTimeout(done));
    return performance.now() - begun;
  });
  hold(t, '10,000 rows sorted', [sorted], 100);
});

test('10,000 pairs are judged in four seconds and scrolled without a long frame', async (t) => {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 } });
  const page = await context.newPage();
  t.after(() => context.close());
  await page.goto(`${server.origin}#/compare`);
  await page.getByTestId('compare-verdict').waitFor();
  const file = (right) => Array.from({ length: 10_000 }, (_, row) => {
    const old = `import numpy as np\n\nrows_${row} = np.row_stack([first, second])\nprint(rows_${row}.shape)`;
    const target = old.replace('row_stack', 'vstack');
    return JSON.stringify({ row, update_info: `update ${row % 500}`, old_code: old, new_code: target, completion: answer(row % right ? target : old), finish_reason: 'eos' });
  }).join('\n');
  const taken = await page.evaluate(async ([a, b]) => {
    const data = new DataTransfer();
    data.items.add(new File([a], 'a.jsonl'));
    data.items.add(new File([b], 'b.jsonl'));
    const begun = performance.now();
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
    while (!document.querySelector('[data-testid="compare-verdict"]')?.textContent.includes('10000 pairs')) await new Promise(requestAnimationFrame);
    return performance.now() - begun;
  }, [file(2), file(3)]);
  hold(t, 'two files of 10,000 answers read, scored and judged', [taken], 4000);
  const frames = await page.evaluate(async () => {
    const pairs = document.querySelector('[data-testid="pairs"]');
    const frame = () => new Promise(requestAnimationFrame);
    const frames = [];
    let last = await frame();
    for (let at = 0; at < 120; at += 1) {
      pairs.scrollTop += at % 10 ? 400 : 20_000;
      const now = await frame();
      frames.push(now - last);
      last = now;
    }
    return frames;
  });
  hold(t, 'longest frame while scrolling 10,000 pairs', [Math.max(...frames)], 50);
  const sorted = await page.evaluate(async () => {
    const begun = performance.now();
    document.querySelector('[data-testid="sort-difference"]').click();
    await new Promise(requestAnimationFrame);
    await new Promise((done) => setTimeout(done));
    return performance.now() - begun;
  });
  hold(t, '10,000 pairs sorted', [sorted], 100);
});

test('50 MB of completions open in five seconds, in little memory', async (t) => {
  const { page, context } = await open({ hash: '#/training', editors: false, score: false });
  t.after(() => context.close());
  await page.getByTestId('charts').waitFor();
  await page.evaluate(() => {
    const text = 'x = 1\\n'.repeat(140);
    const pieces = [];
    for (let step = 1; step <= 1000; step += 1) pieces.push(`{"step":${step},"row":1,"completion":"${text}","total":1.5,"advantage":0.5}\n`.repeat(52));
    const data = new DataTransfer();
    window.size = new Blob(pieces).size;
    data.items.add(new File(pieces, 'completions.jsonl'));
    window.begun = performance.now();
    document.body.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }));
  });
  await page.getByTestId('legend').filter({ hasText: 'completions of 1000 steps' }).waitFor();
  const { size, took } = await page.evaluate(() => ({ size: window.size, took: performance.now() - window.begun }));
  assert.ok(size > 50e6, `${size} bytes`);
  hold(t, '50 MB of completions opened', [took], 5000);
  const memory = Math.max(...renderers());
  measured['memory with 50 MB of completions'] = { mib: Math.round(memory), limit_mib: 400 };
  t.diagnostic(`memory with 50 MB of completions: at most ${memory.toFixed(0)} MiB`);
  assert.ok(memory > 30 && memory < 400, `${memory} MiB`);
});

/** The most memory that each of the browser's pages has taken, in MiB: its processes are those whose forefather is this one. */
function renderers() {
  const read = (path) => {
    try {
      return readFileSync(path, 'utf8');
    } catch {
      return ''; // It has ended since.
    }
  };
  const processes = new Map(readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map((pid) => [pid, read(`/proc/${pid}/status`)]));
  const number = (pid, field) => new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(processes.get(pid) ?? '')?.[1];
  const ours = (pid) => pid !== undefined && pid !== '0' && (pid === `${process.pid}` || ours(number(pid, 'PPid')));
  const pages = [...processes.keys()].filter((pid) => read(`/proc/${pid}/cmdline`).includes('--type=renderer') && ours(pid));
  return pages.map((pid) => Number(number(pid, 'VmHWM') ?? 0) / 1024);
}
