// The example server, as a client sees it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import express from 'express';
import express4 from 'express4';
import { grade, serve } from '../examples/server.mjs';
import { explain, score } from '../src/node.js';

const ROW = { completion: 't</think><answer>\n```python\nb\n```\n</answer>', target: 'b' };
let server;
let origin;

before(async () => {
  server = serve(0);
  await once(server, 'listening');
  origin = `http://127.0.0.1:${server.address().port}`;
});

after(() => server.close());

async function post(body, path = '/score', { method = 'POST', at = origin, type = 'application/json' } = {}) {
  const response = await fetch(at + path, { method, body, headers: { 'content-type': type } });
  assert.match(response.headers.get('content-type'), /^application\/json/);
  return [response.status, await response.json()];
}

test('one completion gives an object, several give an array', async () => {
  const expected = score(ROW.completion, ROW.target);
  assert.deepEqual(await post(JSON.stringify(ROW)), [200, expected]);
  assert.deepEqual(await post(JSON.stringify([ROW, ROW])), [200, [expected, expected]]);
  assert.deepEqual(await post(JSON.stringify({ items: [ROW] })), [200, [expected]]);
  const rubric = { weights: { edit_gain: 2, overlong: 1 }, overlong: { max_length: 10, buffer: 10 } };
  const [status, { total }] = await post(JSON.stringify({ ...ROW, old_code: 'a', tokens: 5, rubric }));
  // 2 x 2 for the target, half of -1 for half of the length.
  assert.deepEqual([status, total], [200, 3.5]);
});

test('reasons are given where they are asked for', async () => {
  const expected = explain(ROW.completion, ROW.target, { oldCode: 'a' });
  assert.deepEqual(await post(JSON.stringify({ ...ROW, old_code: 'a', explain: true })), [200, expected]);
  assert.deepEqual(await post(JSON.stringify({ items: [{ ...ROW, old_code: 'a' }], explain: true })), [200, [expected]]);
});

test('what is wrong is answered with a status and in words', async () => {
  const half = '"\\ud800"';
  const faults = [
    ['{', 400, /^the body is no JSON: /],
    ['', 400, /^the body is no JSON: /],
    [Buffer.from([0x22, 0xff, 0x22]), 400, /^the body is no JSON: /],
    ['null', 400, /^the body is neither an object nor an array$/],
    ['{}', 400, /^completion must be a string$/],
    [{ ...ROW, oldCode: 'a' }, 400, /^the body has an unknown field oldCode: there are completion, target, old_code, tokens$/],
    [{ ...ROW, old_code: 1 }, 400, /^old_code must be a string$/],
    [{ ...ROW, tokens: 1.5 }, 400, /^tokens must be a whole number of 0 or more$/],
    [{ ...ROW, tokens: 5e9 }, 400, /^tokens must be/],
    [`{"completion": "a", "target": ${half}}`, 400, /^target has half a surrogate pair/],
    [`[{"completion": "a", "target": "b", "old_code": ${half}}]`, 400, /^items\[0\]: old_code has half a surrogate pair/],
    [{ items: [ROW, 1] }, 400, /^items\[1\] is no object$/],
    [{ items: [ROW, { ...ROW, target: 1 }] }, 400, /^items\[1\]: target must be a string$/],
    [{ items: 1 }, 400, /^items is no array$/],
    [{ items: [], target: 'b' }, 400, /^the body beside items has an unknown field target: there are rubric and explain$/],
    [{ ...ROW, explain: 1 }, 400, /^explain must be true or false$/],
    [{ ...ROW, rubric: 'strict' }, 400, /^rubric is no object$/],
    [{ ...ROW, rubric: { weights: { format: '1' } } }, 400, /^rubric\.weights\.format is a string/],
    [{ ...ROW, rubric: { overlong: { max_length: '10', buffer: 5 } } }, 400, /^rubric\.overlong\.max_length is a string/],
    [{ ...ROW, rubric: { mode: 'lax' } }, 422, /^unknown reward mode `lax`/],
    [{ items: [], explain: true, rubric: { mode: 'lax' } }, 422, /^unknown reward mode `lax`/],
    [{ items: [{ ...ROW, old_code: 'a' }, ROW], rubric: { weights: { edit_gain: 1 } } }, 422, /^items\[1\]: old_code is missing/],
    [{ ...ROW, explain: true, rubric: { weights: { edit_gain: 1 } } }, 422, /^old_code is missing/],
    [{ ...ROW, rubric: { weights: { overlong: 1 }, overlong: { max_length: 9, buffer: 9 } } }, 422, /^tokens is missing/],
    [Array(4097).fill(ROW), 422, /^4097 items, more than 4096/],
    [{ completion: 'x'.repeat(2 ** 20), target: 'x', explain: true }, 422, /^1048577 characters to explain, more than 1048576/],
  ];
  for (const [body, expected, message] of faults) {
    const [status, { error }] = await post(typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body));
    assert.equal(status, expected, `${body}: ${error}`);
    assert.match(error, message);
  }
  assert.equal((await post(undefined, '/score', { method: 'GET' }))[0], 405);
  assert.equal((await post('{}', '/else'))[0], 404);
  assert.equal((await post(JSON.stringify(ROW)))[0], 200);
});

test('a body beyond the limit is refused before its end, and the server goes on', async () => {
  const posting = request(`${origin}/score`, { method: 'POST' });
  const answered = once(posting, 'response');
  // The end never comes.
  posting.write('x'.repeat(8 * 2 ** 20 + 1));
  const [response] = await answered;
  assert.deepEqual([response.statusCode, response.headers.connection], [413, 'close']);
  posting.destroy();
  assert.equal((await post(JSON.stringify(ROW)))[0], 200);
});

test("what is not the caller's fault is answered with 500", async (t) => {
  t.mock.method(console, 'error', () => {});
  const said = [];
  const response = { setHeader() {}, writeHead: (status) => said.push(status), end: (body) => said.push(JSON.parse(body)) };
  const broken = {
    method: 'POST',
    readableEnded: true,
    get body() {
      throw new TypeError('nobody expected this');
    },
  };
  await grade(broken, response);
  assert.deepEqual(said, [500, { error: 'nobody expected this' }]);
  assert.equal(console.error.mock.callCount(), 1);
});

for (const [name, framework] of [['Express 5', express], ['Express 4', express4]]) {
  test(`it is a handler of ${name}, which may have parsed the body or not`, async (t) => {
    const app = framework();
    app.post('/raw', grade);
    app.use(framework.json());
    app.post('/parsed', grade);
    const listening = app.listen(0, '127.0.0.1');
    t.after(() => listening.close());
    await once(listening, 'listening');
    const at = `http://127.0.0.1:${listening.address().port}`;
    const expected = [200, score(ROW.completion, ROW.target)];
    for (const path of ['/raw', '/parsed']) {
      // A parser leaves alone what is not called JSON, as what curl sends by default.
      for (const type of ['application/json', 'application/x-www-form-urlencoded']) {
        assert.deepEqual(await post(JSON.stringify(ROW), path, { at, type }), expected, `${path} ${type}`);
      }
      assert.equal((await post('', path, { at }))[0], 400, path);
    }
  });
}
