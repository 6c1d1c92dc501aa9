// One load of the demo's policy that serves several checkpoints, with adapters and without, beside the native program.

import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, beforeEach, test } from 'node:test';
import { WEBGPU, launch, native, open, root, serve } from './browser.mjs';

const POLICY = join(root, 'trainer/demo/policy');
const ROW = JSON.parse(readFileSync(join(root, 'trainer/demo/held_out.jsonl'), 'utf8').split('\n')[0]);
const PROMPT = `<|im_start|>user\n${ROW.update_info}\n${ROW.old_code}<|im_end|>\n<|im_start|>assistant\n`;
const run = mkdtempSync(join(tmpdir(), 'recode-'));
const ADAPTERS = { first: join(run, 'demo/checkpoints/step-000002'), second: join(run, 'demo/checkpoints/step-000004') };
// A worker that breaks when it is told to: beside the module, or in it while it answers somebody who does not listen any more.
const BREAKING = `
import '/worker/js/worker.js';
addEventListener('message', ({ data }) => {
  if (data === 'throw') setTimeout(() => { throw new WebAssembly.RuntimeError('unreachable'); });
  if (data === 'say') postMessage({ id: -1, error: 'unreachable', broken: true });
});`;

let server;
let browser;
/** Files that the server was asked for. */
let asked = [];

before(async () => {
  native('demo', '--run-dir', join(run, 'demo'), '--set', 'run.max_steps=4', '--set', 'run.save_steps=2', '--set', 'optimizer.learning_rate=0.01');
  const folders = { '/policy/': POLICY, '/first/': ADAPTERS.first, '/second/': ADAPTERS.second, '/slow/': ADAPTERS.first };
  server = await serve(async (path) => {
    asked.push(path);
    if (path.startsWith('/slow/')) await new Promise((done) => setTimeout(done, 500));
    if (path === '/breaking.js') return BREAKING;
    const base = Object.keys(folders).find((base) => path.startsWith(base));
    return base && readFile(join(folders[base], path.slice(base.length)));
  });
  browser = await launch(WEBGPU);
});

beforeEach(() => {
  asked = [];
});

after(async () => {
  await browser?.close();
  server?.close();
  rmSync(run, { recursive: true });
});

/** Does something on a page on which nothing goes wrong unseen; it has `Checkpoint`, and `attempt`, which says what came of a promise. */
async function onPage(work, ...args) {
  const { page, complaints } = await open(browser, server.origin);
  const result = await page.evaluate(
    async ([work, args]) => {
      const { Checkpoint } = await import('/worker/js/checkpoint.js');
      const attempt = (promise) => promise.then(() => 'nothing', (error) => error.message);
      return new Function('Checkpoint', 'attempt', `return (${work})`)(Checkpoint, attempt)(...args);
    },
    [String(work), args],
  );
  await page.close();
  return { ...result, complaints };
}

// The GPU is one that the processor plays, slowly.
for (const [device, prompt, completion, max_completion_length] of [
  ['cpu', PROMPT, `${ROW.new_code}<|im_end|>`, 120],
  ['gpu', ROW.old_code.split('\n')[0], ROW.new_code.split('\n')[0], 4],
]) {
  test(`on the ${device}, a model and two adapters of one load each answer as the native program does`, async () => {
    const line = { prompt, completion };
    const { said, devices, left, complaints } = await onPage(
      async (device, line, max_completion_length) => {
        const first = await Checkpoint.load({ model: '/policy/', adapter: '/first/', device });
        const [model, second] = await Promise.all([first.with(), first.with({ adapter: new URL('/second/', document.baseURI).href })]);
        const greedy = { prompt: line.prompt, temperature: 0, max_completion_length };
        // All at once, so that none may compute with another's weights.
        const answer = async (checkpoint) => {
          const [{ completions }, { logprobs }] = await Promise.all([checkpoint.generate(greedy), checkpoint.logprobs(line)]);
          return { ids: completions[0].completion_ids, logprobs };
        };
        const [a, b, c] = await Promise.all([first, model, second].map(answer));
        const devices = [first, model, second].map((checkpoint) => checkpoint.device.device);
        first.close();
        model.close();
        const { completions } = await second.generate({ ...greedy, max_completion_length: 3 });
        second.close();
        return { said: { first: a, model: b, second: c }, devices, left: completions[0].completion_ids };
      },
      device,
      line,
      max_completion_length,
    );
    const file = join(run, 'line.jsonl');
    writeFileSync(file, JSON.stringify(line));
    for (const [name, { ids, logprobs }] of Object.entries(said)) {
      const flags = ['--model', POLICY, ...(name in ADAPTERS ? ['--adapter', ADAPTERS[name]] : [])];
      const length = ['--max-completion-length', `${max_completion_length}`];
      const expected = JSON.parse(native('generate', ...flags, '--json', '--temperature', '0', ...length, '--', prompt));
      assert.deepEqual(ids, expected.completion_ids, name);
      const weighed = JSON.parse(native('logprobs', file, ...flags)).logprobs;
      assert.equal(logprobs.length, weighed.length);
      const off = Math.max(...logprobs.map((logprob, at) => Math.abs(logprob - weighed[at])));
      assert.ok(off < 1e-4, `${name}: ${off}`);
    }
    assert.equal(new Set(Object.values(said).map(({ logprobs }) => `${logprobs}`)).size, 3, 'the three differ');
    assert.deepEqual(devices, [device, device, device]);
    assert.deepEqual(left, said.second.ids.slice(0, 3));
    for (const path of ['/policy/model.safetensors', '/policy/tokenizer.json', '/first/adapter_model.safetensors', '/second/adapter_model.safetensors']) {
      assert.equal(asked.filter((other) => other === path).length, 1, path);
    }
    assert.deepEqual(complaints, []);
  });
}

test('one that is closed leaves the others answering, and the last one ends the worker', async () => {
  const { ids, ended, closed, complaints } = await onPage(async (prompt) => {
    const worker = new Worker('/worker/js/worker.js', { type: 'module' });
    let terminated = false;
    worker.terminate = () => {
      terminated = true;
      Worker.prototype.terminate.call(worker);
    };
    const model = await Checkpoint.load({ model: '/policy/', device: 'cpu', worker });
    const answer = async (checkpoint) => {
      const { completions } = await checkpoint.generate({ prompt, temperature: 0, max_completion_length: 12 });
      return completions[0].completion_ids;
    };
    const adapted = await model.with({ adapter: '/first/' });
    const ids = [await answer(adapted)];
    const ended = [];
    model.close();
    model.close();
    ended.push(terminated);
    ids.push(await answer(adapted));
    // The one that was loaded is gone, and its weights are there.
    const again = await adapted.with();
    const closed = [await attempt(answer(model)), await attempt(model.logprobs({ prompt, completion: 'x' }))];
    // One that is closed makes no other, and takes none with it.
    const none = attempt(model.with());
    const third = await again.with({ adapter: '/first/' });
    closed.push(await none);
    adapted.close();
    again.close();
    ended.push(terminated);
    ids.push(await answer(third));
    third.close();
    ended.push(terminated);
    closed.push(await attempt(third.with()));
    return { ids, ended, closed };
  }, PROMPT);
  assert.deepEqual(ids.slice(1), [ids[0], ids[0]]);
  assert.deepEqual(ended, [false, false, true]);
  assert.deepEqual(closed, Array(4).fill('the checkpoint is closed'));
  assert.deepEqual(complaints, []);
});

test('one that is closed while it answers, weighs or makes another fails at once, and the others go on', async () => {
  const { alone, beside, failed, after, complaints } = await onPage(async (prompt) => {
    const model = await Checkpoint.load({ model: '/policy/', device: 'cpu' });
    const ask = async (checkpoint, options) => {
      const { completions } = await checkpoint.generate({ prompt, seed: 1, temperature: 9, max_completion_length: 200, ...options });
      return completions[0].completion_ids;
    };
    const alone = await ask(model);
    const beside = [];
    const failed = [];
    const adapter = '/first/';
    for (const work of [
      (checkpoint, close) => ask(checkpoint, { max_completion_length: 900, onText: close }),
      (checkpoint, close) => Promise.all([ask(checkpoint, { onText: close }), ask(checkpoint, { num_generations: 3 })]),
      (checkpoint, close) => queueMicrotask(close) || checkpoint.logprobs({ prompt, completion: prompt }),
      (checkpoint, close) => queueMicrotask(close) || checkpoint.with(),
      (checkpoint, close) => setTimeout(close, 50) && checkpoint.with({ adapter: '/slow/' }),
    ]) {
      const checkpoint = await model.with({ adapter });
      const other = ask(model);
      failed.push(await attempt(work(checkpoint, () => checkpoint.close())));
      beside.push(await other);
    }
    const again = await model.with({ adapter });
    model.close();
    const after = await ask(again, { temperature: 0, max_completion_length: 8 });
    again.close();
    return { alone, beside, failed, after };
  }, PROMPT);
  assert.deepEqual(failed, Array(5).fill('the checkpoint is closed'));
  for (const ids of beside) assert.deepEqual(ids, alone);
  assert.equal(after.length, 8);
  assert.deepEqual(complaints, []);
});

test('what one took is free for the next', async (t) => {
  const { bytes, failed, complaints } = await onPage(async (prompt) => {
    const model = await Checkpoint.load({ model: '/policy/', device: 'cpu' });
    const adapter = '/first/';
    const bytes = [model.device.module_bytes];
    const failed = [];
    for (let made = 0; made < 12; made++) {
      const checkpoint = await model.with({ adapter });
      bytes.push(checkpoint.device.module_bytes);
      // It is freed once its answer has ended, which nobody hears of.
      failed.push(await attempt(checkpoint.generate({ prompt, temperature: 9, max_completion_length: 900, onText: () => checkpoint.close() })));
      await model.generate({ prompt, max_completion_length: 8 });
    }
    for (let made = 0; made < 12; made++) {
      const checkpoint = await model.with();
      bytes.push(checkpoint.device.module_bytes);
      // So is one that nobody waits for any more.
      const making = attempt(checkpoint.with({ adapter }));
      checkpoint.close();
      failed.push(await making);
      (await model.with({ adapter })).close();
    }
    model.close();
    return { bytes, failed };
  }, PROMPT);
  t.diagnostic(bytes.map((bytes) => `${(bytes / 2 ** 20).toFixed(1)}`).join(', '));
  assert.deepEqual(failed, Array(24).fill('the checkpoint is closed'));
  const one = bytes[1] - bytes[0];
  assert.ok(bytes[12] - bytes[1] < one / 2, 'of twelve that answered one was there at a time');
  assert.ok(bytes[24] - bytes[12] < 2 * one, 'of twelve that were being made a few');
  assert.deepEqual(complaints, []);
});

test('an adapter that does not fit is named, and the others go on', async () => {
  const config = JSON.parse(readFileSync(join(ADAPTERS.first, 'adapter_config.json'), 'utf8'));
  const { errors, before, after } = await onPage(
    async (prompt, configs) => {
      const model = await Checkpoint.load({ model: '/policy/', device: 'cpu' });
      const answer = () => model.generate({ prompt, temperature: 0, max_completion_length: 12 });
      const { completions: before } = await answer();
      const weights = '/first/adapter_model.safetensors';
      const adapters = configs.map((config) => ({ 'adapter_config.json': new Blob([config]), 'adapter_model.safetensors': weights }));
      const errors = [];
      for (const adapter of [...adapters, '/nowhere/', { 'adapter_config.json': '/first/adapter_config.json' }, '']) {
        errors.push(await attempt(model.with({ adapter })));
      }
      const { completions: after } = await answer();
      model.close();
      return { errors, before, after };
    },
    PROMPT,
    [JSON.stringify({ ...config, r: config.r / 2 }), JSON.stringify({ ...config, use_dora: false }), '{'],
  );
  for (const [at, message] of [
    /adapter_model.safetensors: tensor "base_model.model.model.layers.0.*has shape .*expected/,
    /adapter_model.safetensors: .*lora_magnitude_vector/,
    /in adapter_config.json/,
    /adapter_config.json and adapter_model.safetensors missing at http.*nowhere/,
    /adapter_model.safetensors missing among adapter_config.json/,
    /Invalid URL/,
  ].entries()) {
    assert.match(errors[at], message);
  }
  assert.deepEqual(after, before);
});

test('a worker that breaks ends all that live on it', async () => {
  for (const how of ['throw', 'say']) {
    const { failed, asked } = await onPage(
      async (how, prompt) => {
        const worker = new Worker('/breaking.js', { type: 'module' });
        const model = await Checkpoint.load({ model: '/policy/', device: 'cpu', worker });
        const adapted = await model.with({ adapter: '/first/' });
        const answers = [model, adapted].map((checkpoint) => attempt(checkpoint.generate({ prompt, temperature: 9, max_completion_length: 900 })));
        answers.push(attempt(model.with({ adapter: '/first/' })));
        worker.postMessage(how);
        const failed = await Promise.all(answers);
        const asked = [await attempt(model.generate({ prompt })), await attempt(adapted.with())];
        return { failed, asked };
      },
      how,
      PROMPT,
    );
    for (const message of [...failed, ...asked]) {
      assert.match(message, /the worker ended \(.*unreachable: the browser may have no memory left\): load the checkpoint again/);
    }
  }
});
