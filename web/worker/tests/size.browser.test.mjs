// A checkpoint of 270 MB in headless Chromium; runs where RECODE_SMOLLM2 names SmolLM2-135M-Instruct.

import assert from 'node:assert/strict';
import { createReadStream, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { WEBGPU, launch, native, open, serve } from './browser.mjs';

const MODEL = process.env.RECODE_SMOLLM2;
const PROMPT = '<|im_start|>user\nWhat replaces numpy.row_stack?<|im_end|>\n<|im_start|>assistant\n';

// The GPU is one that the processor plays: a token takes it seconds.
for (const [device, tokens] of [
  ['cpu', 6],
  ['gpu', 2],
]) {
  test(`SmolLM2 loads on the ${device} with progress, in little more memory than it stays in`, { skip: MODEL === undefined && 'RECODE_SMOLLM2 is not set' }, async (t) => {
    const weights = join(MODEL, 'model.safetensors');
    const { size } = statSync(weights);
    const server = await serve((path) => {
      if (!path.startsWith('/model/')) return undefined;
      if (path !== '/model/model.safetensors') return readFile(join(MODEL, path.slice('/model/'.length)));
      return (_, response) => createReadStream(weights).pipe(response.writeHead(200, { 'content-length': size }));
    });
    const browser = await launch(WEBGPU);
    t.after(async () => {
      await browser.close();
      server.close();
    });
    const { page, complaints } = await open(browser, server.origin);
    const { taken, heard, seconds, answer } = await page.evaluate(
      async ([device, prompt, max_completion_length]) => {
        const { Checkpoint } = await import('/worker/js/checkpoint.js');
        const heard = [];
        const begun = performance.now();
        const checkpoint = await Checkpoint.load({ model: '/model/', device, onProgress: (progress) => heard.push(progress) });
        const seconds = (performance.now() - begun) / 1000;
        const answer = await checkpoint.generate({ prompt, temperature: 0, max_completion_length });
        return { taken: checkpoint.device, heard, seconds, answer };
      },
      [device, PROMPT, tokens],
    );
    const bytes = taken.module_bytes;
    t.diagnostic(`${seconds.toFixed(1)} s, ${(bytes / 2 ** 20).toFixed(0)} MiB of the processor's memory, ${answer.tokens_per_second.toFixed(1)} tokens a second`);
    // The largest tensor comes beside what is there, as bytes and as numbers.
    const embedding = 49152 * 576 * 2;
    const stays = device === 'cpu' ? size : 0;
    assert.ok(bytes < stays + 4 * embedding, `${bytes}`);
    assert.ok(heard.length > 10 && heard.at(-1).done === heard.at(-1).all);
    const expected = JSON.parse(native('generate', '--model', MODEL, '--json', '--temperature', '0', '--max-completion-length', `${tokens}`, '--', PROMPT));
    assert.deepEqual(answer.completions[0].completion_ids, expected.completion_ids);
    assert.deepEqual(complaints, []);
  });
}
