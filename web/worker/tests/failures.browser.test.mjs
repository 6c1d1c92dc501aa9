// What can go wrong in a browser, each a clear error and nothing half loaded.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { WEBGPU, launch, open, root, serve } from './browser.mjs';

const POLICY = join(root, 'trainer/demo/policy');
const NAMES = ['config.json', 'tokenizer.json', 'model.safetensors'];
const weights = readFileSync(join(POLICY, 'model.safetensors'));
const config = JSON.parse(readFileSync(join(POLICY, 'config.json'), 'utf8'));

let server;
let browser;
/** What the server has at /files/NAME beside the policy's own. */
let files = {};

before(async () => {
  server = await serve((path) => {
    const name = path.replace(/^\/files\//, '');
    return files[name] ?? (NAMES.includes(name) ? readFile(join(POLICY, name)) : undefined);
  });
  browser = await launch([]);
});

after(async () => {
  await browser?.close();
  server?.close();
});

/** Loads what the server has, and says what came of it. */
async function load(options = {}, instead = {}, on = browser) {
  files = instead;
  const { page } = await open(on, server.origin);
  const said = await page.evaluate(async (options) => {
    const { Checkpoint } = await import('/worker/js/checkpoint.js');
    const heard = [];
    try {
      const checkpoint = await Checkpoint.load({ model: '/files/', device: 'cpu', onProgress: (progress) => heard.push(progress), ...options });
      const { device } = checkpoint;
      const { completions } = await checkpoint.generate({ prompt: 'x', temperature: 0, max_completion_length: 4 });
      checkpoint.close();
      return { device, heard, ids: completions[0].completion_ids };
    } catch (error) {
      return { error: error.message, heard };
    }
  }, options);
  await page.close();
  return said;
}

/** Sends a file up to a byte and then breaks off; from where it was asked for on, where it `knowsRanges`. */
function breaking(body, after, knowsRanges, asked = []) {
  return ({ headers: { range } }, response) => {
    const from = knowsRanges ? Number(/\d+/.exec(range ?? '0')[0]) : 0;
    asked.push(from);
    const part = range && knowsRanges ? { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` } : {};
    response.writeHead(range && knowsRanges ? 206 : 200, { 'content-length': body.length - from, etag: '"one"', ...part });
    const piece = body.subarray(from, Math.min(body.length, from + after));
    response.write(piece, () => (from + piece.length < body.length ? response.destroy() : response.end()));
  };
}

test('without WebGPU it falls back to the processor and says why', async () => {
  const { device } = await load({ device: 'auto' });
  assert.equal(device.device, 'cpu');
  assert.match(device.reason, /offers no WebGPU adapter/);
  assert.match((await load({ device: 'gpu' })).error, /offers no WebGPU adapter/);
  assert.match((await load({ device: 'tpu' })).error, /device is "tpu", but must be auto, gpu or cpu/);
});

test('a software adapter is taken where it is asked for, and not by auto', async () => {
  const software = await launch(WEBGPU);
  const [auto, gpu] = [await load({ device: 'auto' }, {}, software), await load({ device: 'gpu' }, {}, software)];
  await software.close();
  assert.equal(auto.device.device, 'cpu');
  assert.match(auto.device.reason, /is no GPU/);
  assert.equal(gpu.device.device, 'gpu');
  assert.deepEqual(gpu.ids, auto.ids);
});

test('progress goes from nothing to all bytes of the weights', async () => {
  const { heard } = await load();
  assert.equal(heard[0].done, 0);
  assert.ok(heard.every(({ done }, at) => at === 0 || done >= heard[at - 1].done));
  const { done, all } = heard.at(-1);
  assert.equal(done, all);
  assert.ok(all > 0.9 * weights.length && all < weights.length);
});

test('a download that breaks off is taken up where the server knows ranges', async () => {
  const asked = [];
  const whole = await load();
  const { ids } = await load({}, { 'model.safetensors': breaking(weights, 2 << 20, true, asked) });
  assert.deepEqual(ids, whole.ids);
  // What was on its way when it broke may be lost.
  assert.ok(asked.length > 1 && asked[1] > 0 && asked[1] <= 2 << 20, `${asked}`);
});

test('so it is where the server is another one, or busy for a moment', async () => {
  const whole = await load();
  const broken = breaking(weights, 2 << 20, true);
  let requests = 0;
  const other = await serve(() => (request, response) => {
    response.setHeader('access-control-allow-origin', '*');
    response.setHeader('access-control-allow-headers', 'range');
    if (request.method === 'OPTIONS') return response.end();
    requests += 1;
    if (requests === 2) return response.writeHead(503).end();
    return broken(request, response);
  });
  const model = Object.fromEntries(NAMES.map((name) => [name, name === 'model.safetensors' ? `${other.origin}/${name}` : `/files/${name}`]));
  const { ids, error } = await load({ model });
  other.close();
  assert.equal(error, undefined);
  assert.ok(requests > 2);
  assert.deepEqual(ids, whole.ids);
});

/** The policy's weights in so many files. */
function sharded(count) {
  const size = Number(weights.readBigUInt64LE(0));
  const header = JSON.parse(weights.toString('utf8', 8, 8 + size));
  const names = Object.keys(header).filter((name) => name !== '__metadata__');
  const files = { 'model.safetensors': (_, response) => response.writeHead(404).end() };
  const map = {};
  for (let shard = 0; shard < count; shard++) {
    const [file, own, pieces] = [`shard-${shard}.safetensors`, {}, []];
    let at = 0;
    for (const name of names.filter((_, index) => index % count === shard)) {
      const [start, end] = header[name].data_offsets;
      own[name] = { ...header[name], data_offsets: [at, at + end - start] };
      pieces.push(weights.subarray(8 + size + start, 8 + size + end));
      at += end - start;
      map[name] = file;
    }
    const text = Buffer.from(JSON.stringify(own));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(text.length));
    files[file] = Buffer.concat([length, text, ...pieces]);
  }
  return { ...files, 'model.safetensors.index.json': JSON.stringify({ weight_map: map }) };
}

test('more shards than a browser has connections are one model', async () => {
  const whole = await load();
  const { ids, error } = await load({}, sharded(9));
  assert.equal(error, undefined);
  assert.deepEqual(ids, whole.ids);
});

test('a download that breaks off again and again is an error with both numbers', async () => {
  const { error } = await load({}, { 'model.safetensors': breaking(weights, weights.length >> 1, false) });
  assert.match(error, new RegExp(`model.safetensors: the download broke off after \\d+ of ${weights.length} bytes`));
});

test('a file that changes while it is downloaded is an error', async () => {
  let version = 0;
  const changing = (request, response) => {
    const { headers: { range } } = request;
    const from = Number(/\d+/.exec(range ?? '0')[0]);
    response.writeHead(range ? 206 : 200, {
      'content-length': weights.length - from,
      etag: `"${version++}"`,
      ...(range && { 'content-range': `bytes ${from}-${weights.length - 1}/${weights.length}` }),
    });
    response.write(weights.subarray(from, from + (1 << 20)), () => response.destroy());
  };
  const { error } = await load({}, { 'model.safetensors': changing });
  assert.match(error, /model.safetensors has changed while it was being downloaded/);
});

test('files that are missing, no files of that kind, or of another model are named', async () => {
  const gone = (_, response) => response.writeHead(404).end();
  const json = (changes) => JSON.stringify({ ...config, ...changes });
  const typed = Buffer.from(weights);
  typed.write('"I32"', typed.indexOf('"F32"'));
  for (const [instead, message] of [
    [{ 'config.json': gone }, /config.json missing at http/],
    [{ 'tokenizer.json': gone, 'config.json': gone }, /config.json and tokenizer.json missing/],
    [{ 'model.safetensors': gone }, /model.safetensors is missing, and so is model.safetensors.index.json/],
    [{ 'model.safetensors': gone, 'model.safetensors.index.json': '{"weight_map": {"a": "../b"}}' }, /is not an index of shards/],
    [{ 'model.safetensors': gone, 'model.safetensors.index.json': '{"weight_map": {"a": "b"}}' }, /b missing/],
    [{ 'config.json': (_, response) => response.writeHead(503, 'Busy').end() }, /config.json: the server answers 503/],
    [{ 'config.json': '{' }, /config.json/],
    [{ 'config.json': json({ model_type: 'mamba' }) }, /in config.json: .*model_type.*mamba/],
    [{ 'config.json': json({ num_hidden_layers: config.num_hidden_layers + 1 }) }, /model.safetensors: tensor "model.layers.*is missing/],
    [{ 'config.json': json({ intermediate_size: 8 }) }, /model.safetensors: tensor .*has shape .*expected/],
    [{ 'tokenizer.json': '<!doctype html>' }, /tokenizer.json is not a tokenizer.json/],
    [{ 'model.safetensors': '<!doctype html><title>not found</title>' }, /model.safetensors: has \d+ bytes, too few for the header it announces: truncated, or not a safetensors file/],
    [{ 'model.safetensors': '' }, /model.safetensors: has 0 bytes/],
    [{ 'model.safetensors': weights.subarray(0, weights.length / 2) }, /model.safetensors.*truncated/],
    [{ 'model.safetensors': typed }, /model.safetensors: tensor .*dtype/],
  ]) {
    const { error, heard } = await load({}, instead);
    assert.match(error ?? 'no error', message);
    assert.equal(heard.length, 0, `${message} costs no wait`);
  }
});

test('more than the browser has memory for is an error that says so', async () => {
  // In pages of 64 KiB: the module starts with some 40.
  const said = [];
  for (const pages of [60, 80, 100, 120]) {
    const small = await launch([`--js-flags=--wasm-max-mem-pages=${pages}`]);
    said.push(await load({}, {}, small));
    await small.close();
  }
  const errors = said.filter(({ ids }) => ids === undefined).map(({ error }) => error);
  assert.ok(errors.length > 0, JSON.stringify(said));
  for (const error of errors) assert.match(error, /memory/);
});

test('a file of more than 4 GiB is an error with both numbers', async () => {
  const huge = (_, response) => response.writeHead(200, { 'content-length': 5 * 2 ** 30 }).write(weights.subarray(0, 1 << 16));
  const { error } = await load({}, { 'model.safetensors': huge });
  assert.match(error, /model.safetensors: has 5368709120 bytes, and .* 4294967295/);
});

test('what cannot be asked is an error, and the checkpoint goes on', async () => {
  files = {};
  const { page } = await open(browser, server.origin);
  const said = await page.evaluate(async () => {
    const { Checkpoint } = await import('/worker/js/checkpoint.js');
    const checkpoint = await Checkpoint.load({ model: '/files/', device: 'cpu' });
    const attempt = (promise) => promise.then(() => 'nothing', (error) => error.message);
    const said = [
      await attempt(checkpoint.generate({ prompt: '' })),
      await attempt(checkpoint.generate({ prompt: 'x', temperature: -1 })),
      await attempt(checkpoint.generate({ prompt: 'x', num_generations: 1e9 })),
      await attempt(checkpoint.generate({ prompt: 'x', max_completion_length: 1e9 })),
      await attempt(checkpoint.generate({ prompt: 'x', temprature: 1 })),
      await attempt(checkpoint.generate({ prompt: 1 })),
      await attempt(checkpoint.logprobs({ prompt: [], completion: 'x' })),
      await attempt(checkpoint.logprobs({ prompt: [1e6], completion: 'x' })),
      await attempt(checkpoint.logprobs({ prompt: 'x', completion: 'x', temperature: 0 })),
      await attempt(checkpoint.logprobs({ prompt: 'x', completion: 'x', temperature: NaN })),
      await attempt(checkpoint.generate({ prompt: () => 'x' })),
      await attempt(checkpoint.generate({ prompt: 'x', signal: AbortSignal.abort() })),
    ];
    const { completions } = await checkpoint.generate({ prompt: 'x', temperature: 0, max_completion_length: 4 });
    const pending = attempt(checkpoint.generate({ prompt: 'x', temperature: 9, max_completion_length: 500 }));
    checkpoint.close();
    return { said, tokens: completions[0].tokens, pending: await pending, closed: await attempt(checkpoint.generate({ prompt: 'x' })) };
  });
  await page.close();
  for (const [at, message] of [/has no tokens/, /temperature is -1/, /num_generations is 1000000000, but must be from 1 to 64/, /max_completion_length 1000000000/, /temprature/, /invalid type/, /prompt has no tokens/, /vocab_size/, /temperature/, /invalid type: null/, /could not be cloned/, /abort/].entries()) {
    assert.match(said.said[at], message);
  }
  assert.ok(said.tokens > 0);
  assert.equal(said.pending, 'the checkpoint is closed');
  assert.equal(said.closed, 'the checkpoint is closed');
});

test('answers that are asked for at once all come, and so does one behind an answer that was stopped', async () => {
  files = {};
  const { page } = await open(browser, server.origin);
  const said = await page.evaluate(async () => {
    const { Checkpoint } = await import('/worker/js/checkpoint.js');
    const checkpoint = await Checkpoint.load({ model: '/files/', device: 'cpu' });
    const ask = (seed) => checkpoint.generate({ prompt: 'x', seed, temperature: 9, max_completion_length: 300 });
    const ids = ({ completions }) => completions[0].completion_ids;
    const alone = [ids(await ask(1)), ids(await ask(2)), ids(await ask(3))];
    const together = (await Promise.all([ask(1), ask(2), ask(3)])).map(ids);
    const controller = new AbortController();
    const request = { prompt: 'x', seed: 4, temperature: 9, max_completion_length: 900 };
    const stopped = checkpoint.generate({ ...request, signal: controller.signal, onText: () => controller.abort() });
    await new Promise((done) => controller.signal.addEventListener('abort', done));
    const after = ids(await ask(1));
    const { stopped: was } = await stopped;
    checkpoint.close();
    return { alone, together, after, was };
  });
  await page.close();
  assert.deepEqual(said.together, said.alone);
  assert.deepEqual(said.after, said.alone[0]);
  assert.equal(said.was, true);
});

test('a load is stopped by its signal', async () => {
  files = { 'model.safetensors': (_, response) => response.writeHead(200, { 'content-length': weights.length }).write(weights.subarray(0, 1 << 20)) };
  const { page } = await open(browser, server.origin);
  const said = await page.evaluate(async () => {
    const { Checkpoint } = await import('/worker/js/checkpoint.js');
    const controller = new AbortController();
    const load = Checkpoint.load({ model: '/files/', device: 'cpu', signal: controller.signal, onProgress: () => controller.abort() });
    return load.then(() => 'loaded', (error) => error.name);
  });
  await page.close();
  assert.equal(said, 'AbortError');
});

test('files are taken as blobs and as bytes, and one cut short is named', async () => {
  files = {};
  const { page } = await open(browser, server.origin);
  const said = await page.evaluate(async (names) => {
    const { Checkpoint } = await import('/worker/js/checkpoint.js');
    const blobs = {};
    for (const name of names) blobs[name] = await (await fetch(`/files/${name}`)).blob();
    const bytes = {};
    for (const name of names) bytes[name] = new Uint8Array(await blobs[name].arrayBuffer());
    const answer = async (model) => {
      try {
        const checkpoint = await Checkpoint.load({ model, device: 'cpu' });
        const { completions } = await checkpoint.generate({ prompt: 'x', temperature: 0, max_completion_length: 4 });
        checkpoint.close();
        return completions[0].completion_ids;
      } catch (error) {
        return error.message;
      }
    };
    return {
      url: await answer('/files/'),
      blobs: await answer(blobs),
      bytes: await answer(bytes),
      short: await answer({ ...blobs, 'model.safetensors': blobs['model.safetensors'].slice(0, 100_000) }),
      number: await answer({ ...blobs, 'config.json': 1 }),
    };
  }, NAMES);
  await page.close();
  assert.ok(Array.isArray(said.url), said.url);
  assert.deepEqual(said.blobs, said.url);
  assert.deepEqual(said.bytes, said.url);
  assert.match(said.short, /model.safetensors.*truncated/);
  assert.match(said.number, /config.json is neither an address, a Blob nor a Uint8Array/);
});

test('a worker that cannot be started is an error and no wait', async () => {
  files = {};
  const { page } = await open(browser, server.origin);
  const said = await page.evaluate(async () => {
    const { Checkpoint } = await import('/worker/js/checkpoint.js');
    const load = Checkpoint.load({ model: '/files/', worker: new Worker('/worker/js/nowhere.js', { type: 'module' }) });
    return load.then(() => 'loaded', (error) => error.message);
  });
  await page.close();
  assert.match(said, /the worker ended \(it could not be started\)/);
});

test('a GPU that is lost is an error', async () => {
  const software = await launch(WEBGPU);
  const losing = `
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...args) {
      const device = await request.apply(this, args);
      addEventListener('message', ({ data }) => data === 'lose' && device.destroy());
      return device;
    };
    import('/worker/js/worker.js');`;
  files = { 'losing.js': (_, response) => response.writeHead(200, { 'content-type': 'text/javascript' }).end(losing) };
  const { page } = await open(software, server.origin);
  const said = await page.evaluate(async () => {
    const { Checkpoint } = await import('/worker/js/checkpoint.js');
    const worker = new Worker('/files/losing.js', { type: 'module' });
    // Messages that come before the module listens would be lost.
    await new Promise((done) => setTimeout(done, 1000));
    const checkpoint = await Checkpoint.load({ model: '/files/', device: 'gpu', worker });
    const asked = checkpoint.generate({ prompt: 'x', temperature: 0, max_completion_length: 200, onText: () => worker.postMessage('lose') });
    return asked.then(() => 'answered', (error) => error.message);
  });
  await software.close();
  assert.match(said, /the GPU was lost/);
});
