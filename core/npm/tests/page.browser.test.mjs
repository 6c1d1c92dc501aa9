// The package in headless Chromium: on a page and in a module worker, served as any static server would.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname } from 'node:path';
import { after, before, test } from 'node:test';
import { chromium } from 'playwright-core';
import { RULES, readMigrations } from './cases.mjs';
import { nativeLines } from './native.mjs';

const FLAGS = [
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];
const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };

// Runs one of the things below beside the package, on the page or in the worker.
const WORKER = `
import * as reward from '/src/browser.js';
import { work } from '/tests/work.mjs';
onmessage = async ({ data: [name, ...args] }) => {
  try {
    postMessage({ value: await work[name](reward, ...args) });
  } catch (error) {
    postMessage({ error: String(error.stack) });
  }
};`;

let server;
let browser;
let origin;
const asked = [];

before(async () => {
  server = createServer(async ({ url }, response) => {
    asked.push(url);
    const path = url.split('?')[0];
    try {
      const virtual = { '/blank.html': '<!doctype html><title>blank</title><link rel="icon" href="data:,">', '/worker.js': WORKER }[path];
      const body = virtual ?? (await readFile(new URL(`..${path}`, import.meta.url)));
      response.writeHead(200, { 'content-type': TYPES[extname(path)] ?? 'text/plain' }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  origin = `http://127.0.0.1:${server.address().port}`;
  browser = await chromium.launch({ executablePath: process.env.RECODE_CHROMIUM, args: FLAGS });
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** A page on which nothing may go wrong unseen. */
async function open(t, path) {
  const page = await browser.newPage();
  page.setDefaultTimeout(300_000);
  const complaints = [];
  page.on('pageerror', (error) => complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && complaints.push(message.text()));
  t.after(async () => {
    await page.close();
    assert.deepEqual(complaints, []);
  });
  await page.goto(origin + path);
  return page;
}

/** Where the work is done: each gives a function that does the named work there. */
const PLACES = {
  'on a page': async (t) => {
    const page = await open(t, '/blank.html');
    return (name, ...args) =>
      page.evaluate(
        async ([name, ...args]) => {
          const reward = await import('/src/browser.js');
          const { work } = await import('/tests/work.mjs');
          return work[name](reward, ...args);
        },
        [name, ...args],
      );
  },
  'in a worker': async (t) => {
    const page = await open(t, '/blank.html');
    await page.evaluate(() => {
      window.worker = new Worker('/worker.js', { type: 'module' });
    });
    return (...call) =>
      page.evaluate(
        (call) =>
          new Promise((resolve, reject) => {
            window.worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.value));
            window.worker.onerror = ({ message }) => reject(new Error(message));
            window.worker.postMessage(call);
          }),
        call,
      );
  },
};

for (const [place, start] of Object.entries(PLACES)) {
  test(`${place}, the first score comes soon after the module`, async (t) => {
    const work = await start(t);
    const { compile, first } = await work('firstScore');
    t.diagnostic(`compiled in ${compile.toFixed(1)} ms, first score ${first.toFixed(1)} ms after that`);
    // On a machine at rest it takes some 30 ms in all; this one may be at anything.
    assert.ok(compile + first < 500, `${compile} + ${first} ms`);
  });

  test(`${place}, scores are the native ones`, async (t) => {
    const work = await start(t);
    const rows = readMigrations();
    for (const { name, flags, options } of RULES) {
      assert.deepEqual(await work('batch', rows, options), nativeLines(rows, flags), name);
    }
  });

  test(`${place}, what cannot be loaded or taken is an error, and works after that`, async (t) => {
    const work = await start(t);
    assert.deepEqual(await work('faults'), [
      'Error: recode-reward has not started: `await init()` once, before everything else',
      "Error: recode-reward cannot start: WebAssembly.instantiate(): expected magic word 00 61 73 6d, found 01 02 03 04 @+0; serve the package's folder over HTTP, or pass init the URL, a Response or the bytes of reward_bg.wasm",
      'TypeError: completion is a number, but must be a string',
      3,
    ]);
  });

  test(`${place}, the end of the stack is an error, and it works after that`, async (t) => {
    const work = await start(t);
    assert.deepEqual(await work('endOfStack'), { failed: true, total: 3 });
  });

  test(`${place}, no text of a mebibyte stops it or takes long`, async (t) => {
    const work = await start(t);
    const { name, seconds } = await work('hostile');
    t.diagnostic(`slowest: ${name}, ${seconds.toFixed(2)} s`);
    assert.ok(seconds < 20, `${name} took ${seconds} s`);
  });
}

test('init takes a URL, a response, bytes or a module', async (t) => {
  for (const source of ['url', 'text', 'response', 'bytes', 'module', 'promise']) {
    const page = await open(t, '/blank.html');
    const total = await page.evaluate(async (source) => {
      const { init, score } = await import('/src/browser.js');
      const url = new URL('/wasm/reward_bg.wasm', location.href);
      const sources = {
        url: () => url,
        text: () => url.href,
        response: () => fetch(url),
        bytes: async () => (await fetch(url)).arrayBuffer(),
        module: () => WebAssembly.compileStreaming(fetch(url)),
        promise: () => Promise.resolve(url),
      };
      await init(source === 'promise' ? sources.promise() : await sources[source]());
      return score('</think><answer></answer>', '').format;
    }, source);
    assert.equal(total, 1, source);
  }
});

test('nothing is fetched but the package itself', async (t) => {
  asked.length = 0;
  const page = await open(t, '/blank.html');
  await page.evaluate(async () => {
    const { init, score } = await import('/src/browser.js');
    await init();
    score('a', 'b');
  });
  const own = ['/blank.html', '/src/api.js', '/src/arguments.js', '/src/browser.js', '/src/instance.js', '/wasm/reward.js', '/wasm/reward_bg.wasm'];
  assert.deepEqual(asked.filter((url) => !own.includes(url)), []);
});

test('the example page grades what is pasted', async (t) => {
  const page = await open(t, '/examples/grader.html');
  await page.getByLabel('Completion').fill('It is gone.</think>\n<answer>\n```python\nnp.row_stack(rows)\n```\n</answer>');
  await page.getByLabel('Target', { exact: true }).fill('np.vstack(rows)');
  await page.getByLabel('Old code').fill('np.row_stack(rows)');
  await page.getByRole('status').filter({ hasText: '2.222' }).waitFor();
  const gain = page.getByRole('row', { name: /edit_gain/ });
  assert.match(await gain.innerText(), /-0\.800/);
  await page.getByLabel('Rules').selectOption('edit_gain');
  await page.getByRole('status').filter({ hasText: '0.200' }).waitFor();
  await page.getByLabel('Completion').fill('no answer');
  await page.getByRole('status').filter({ hasText: '-3.000' }).waitFor();
  assert.match(await page.locator('main').innerText(), /no closed ```python block/);
  // Without the old code its reward cannot be had: said, not thrown.
  await page.getByLabel('Old code').fill('');
  await page.getByRole('status').filter({ hasText: 'oldCode is missing' }).waitFor();
});
