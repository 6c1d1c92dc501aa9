// The demo's policy in headless Chromium, on WebGPU and on the processor, beside the native program.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WEBGPU, launch, native, open, root, serve } from './browser.mjs';

const POLICY = join(root, 'trainer/demo/policy');
const ROWS = readFileSync(join(root, 'trainer/demo/held_out.jsonl'), 'utf8').trimEnd().split('\n').map((line) => JSON.parse(line));
const run = mkdtempSync(join(tmpdir(), 'recode-'));
const ADAPTER = join(run, 'demo/checkpoints/step-000002');

let server;
let browser;

before(async () => {
  native('demo', '--run-dir', join(run, 'demo'), '--set', 'run.max_steps=2', '--set', 'run.save_steps=2', '--set', 'optimizer.learning_rate=0.01');
  const folders = { '/policy/': POLICY, '/adapter/': ADAPTER };
  server = await serve((path) => {
    const base = Object.keys(folders).find((base) => path.startsWith(base));
    return base && readFile(join(folders[base], path.slice(base.length)));
  });
  browser = await launch(WEBGPU);
});

after(async () => {
  await browser?.close();
  server?.close();
  rmSync(run, { recursive: true });
});

/** Does something with a loaded checkpoint on a page on which nothing goes wrong unseen. */
async function withCheckpoint(t, options, work, ...args) {
  const { page, complaints } = await open(browser, server.origin);
  const result = await page.evaluate(
    async ([options, work, args]) => {
      const { Checkpoint } = await import('/worker/js/checkpoint.js');
      const checkpoint = await Checkpoint.load(options);
      const result = await new Function(`return (${work})`)()(checkpoint, ...args);
      checkpoint.close();
      return result;
    },
    [options, String(work), args],
  );
  await page.close();
  assert.deepEqual(complaints, []);
  return result;
}

/** What the native program answers to the same prompt. */
function nativeAnswer(prompt, ...flags) {
  return JSON.parse(native('generate', '--model', POLICY, '--json', ...flags, '--', prompt));
}

function prompts() {
  return ROWS.slice(0, 4).map(({ update_info, old_code }) => `<|im_start|>user\n${update_info}\n${old_code}<|im_end|>\n<|im_start|>assistant\n`);
}

// The GPU is one that the processor plays, slowly.
for (const [device, asked, max_completion_length] of [
  ['cpu', prompts(), 160],
  ['gpu', prompts().slice(0, 2), 24],
]) {
  test(`on the ${device}, greedy answers are the native ones, token by token`, async (t) => {
    const { taken, answers } = await withCheckpoint(
      t,
      { model: '/policy/', device },
      async (checkpoint, prompts, max_completion_length) => {
        const answers = [];
        for (const prompt of prompts) {
          let heard = '';
          const answer = await checkpoint.generate({ prompt, temperature: 0, max_completion_length, onText: ({ text }) => (heard += text) });
          answers.push({ ...answer, heard });
        }
        return { taken: checkpoint.device, answers };
      },
      asked,
      max_completion_length,
    );
    assert.equal(taken.device, device);
    for (const [at, prompt] of asked.entries()) {
      const expected = nativeAnswer(prompt, '--temperature', '0', '--max-completion-length', `${max_completion_length}`);
      const { completions, heard } = answers[at];
      assert.deepEqual(completions[0].completion_ids, expected.completion_ids, `prompt ${at}`);
      assert.equal(completions[0].text, expected.text);
      assert.equal(completions[0].finish_reason, expected.finish_reason);
      assert.equal(heard, expected.text, 'what streams is the text');
    }
    t.diagnostic(`${device}: ${answers.map(({ tokens_per_second }) => tokens_per_second.toFixed(0)).join(', ')} tokens a second`);
  });

  test(`on the ${device}, log-probabilities are the native ones, with an adapter too`, async (t) => {
    const line = { prompt: prompts()[0], completion: `${ROWS[0].new_code}<|im_end|>` };
    const file = join(run, 'line.jsonl');
    writeFileSync(file, JSON.stringify(line));
    for (const adapter of device === 'cpu' ? [undefined, '/adapter/'] : ['/adapter/']) {
      const { logprobs, total } = await withCheckpoint(
        t,
        { model: '/policy/', adapter, device },
        (checkpoint, line) => checkpoint.logprobs(line),
        line,
      );
      const expected = JSON.parse(native('logprobs', file, '--model', POLICY, ...(adapter ? ['--adapter', ADAPTER] : [])));
      assert.equal(logprobs.length, expected.logprobs.length);
      const off = Math.max(...logprobs.map((logprob, at) => Math.abs(logprob - expected.logprobs[at])));
      assert.ok(off < 1e-4, `${off}`);
      assert.ok(Math.abs(total - expected.total) < 1e-3);
    }
  });

  test(`on the ${device}, an answer stops when it is told to`, async (t) => {
    const { stopped, completions } = await withCheckpoint(
      t,
      { model: '/policy/', device },
      async (checkpoint, prompt) => {
        const controller = new AbortController();
        let pieces = 0;
        return checkpoint.generate({
          prompt,
          num_generations: 3,
          max_completion_length: 512,
          temperature: 5,
          onText: () => ++pieces === 20 && controller.abort(),
          signal: controller.signal,
        });
      },
      prompts()[0],
    );
    assert.equal(stopped, true);
    assert.ok(completions.some(({ finish_reason }) => finish_reason === 'stopped'));
    assert.ok(completions.every(({ tokens }) => tokens < 512));
  });
}

test('an answer stops while its prompt is read', async (t) => {
  const heard = await withCheckpoint(
    t,
    { model: '/policy/', device: 'cpu' },
    async (checkpoint, prompt) => {
      const controller = new AbortController();
      const read = [];
      let text = '';
      const answer = await checkpoint.generate({
        prompt,
        num_generations: 2,
        max_completion_length: 16,
        onPrompt: ({ done, all }) => {
          read.push([done, all]);
          controller.abort();
        },
        onText: (piece) => (text += piece.text),
        signal: controller.signal,
      });
      // It is ready for the next one.
      const next = await checkpoint.generate({ prompt: 'import numpy', max_completion_length: 3 });
      return { answer, read, text, next };
    },
    'import numpy as np\n'.repeat(100),
  );
  assert.equal(heard.answer.stopped, true);
  const nothing = { text: '', tokens: 0, finish_reason: 'stopped', completion_ids: [], sampling_logprobs: [] };
  assert.deepEqual(heard.answer.completions, [{ sample: 0, ...nothing }, { sample: 1, ...nothing }]);
  assert.equal(heard.text, '');
  const [done, all] = heard.read.at(-1);
  assert.ok(done < all, `${done} of ${all} layers, ${heard.answer.prompt_tokens} tokens`);
  assert.equal(heard.next.completions[0].tokens, 3);
});

test('drawn answers are the native ones of the same seed', async (t) => {
  const { completions } = await withCheckpoint(
    t,
    { model: '/policy/', device: 'cpu' },
    (checkpoint, prompt) => checkpoint.generate({ prompt, num_generations: 4, seed: 7, max_completion_length: 60 }),
    prompts()[1],
  );
  const lines = native('generate', '--model', POLICY, '--json', '-n', '4', '--seed', '7', '--max-completion-length', '60', '--', prompts()[1]);
  const expected = lines.trimEnd().split('\n').map((line) => JSON.parse(line).completion_ids);
  assert.deepEqual(completions.map(({ completion_ids }) => completion_ids), expected);
});
