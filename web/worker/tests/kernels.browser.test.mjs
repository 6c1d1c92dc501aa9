// Every op's checks in headless Chromium, on the processor and on WebGPU: the bodies that `cargo test` runs natively.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { WEBGPU, launch, open, serve } from './browser.mjs';

const WORKER = `
import start, * as module from '/worker/wasm-checks/checks.js';
onmessage = async ({ data: [name, ...args] }) => {
  try {
    await start({ module_or_path: '/worker/wasm-checks/checks_bg.wasm' });
    postMessage({ value: await module[name](...args) });
  } catch (error) {
    postMessage({ error: String(error.stack) });
  }
};`;

let server;
let browser;

before(async () => {
  server = await serve((path) => (path === '/checks.js' ? WORKER : undefined));
  browser = await launch(WEBGPU);
});

after(async () => {
  await browser?.close();
  server?.close();
});

const every = () => true;
// Of what a GPU computes otherwise than SwiftShader, the products; attention is tried so natively alone.
const product = (name) => ['linear::forward', 'linear::gradients', 'linear_logprob::gradients'].includes(name);

for (const [what, opening, chosen] of [
  ['every op is right on the processor', undefined, every],
  ['every op is right on WebGPU', 0, every],
  ['products are right on WebGPU as a GPU computes them', 1, product],
]) {
  test(what, async (t) => {
    const { page, complaints } = await open(browser, server.origin);
    await page.evaluate(() => {
      window.worker = new Worker('/checks.js', { type: 'module' });
    });
    const call = (...request) =>
      page.evaluate(
        (request) =>
          new Promise((resolve, reject) => {
            window.worker.onmessage = ({ data }) => {
              const error = data.panic ?? data.error;
              if (error === undefined) resolve(data.value);
              else reject(new Error(error));
            };
            window.worker.onerror = ({ message }) => reject(new Error(message));
            window.worker.postMessage(request);
          }),
        request,
      );
    const names = (await call('checkNames')).filter(chosen);
    assert.ok(names.length > (chosen === every ? 15 : 2), `${names}`);
    for (const name of names) {
      const begun = performance.now();
      await call('check', name, opening).catch((error) => {
        throw new Error(`${name}: ${complaints.join('\n') || error.message}`);
      });
      t.diagnostic(`${name}: ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    }
    await page.close();
    assert.deepEqual(complaints, []);
  });
}
