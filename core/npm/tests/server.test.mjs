// The example server, as a client sees it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
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
  const faults = [
    ['{', 400, /^the body is no JSON: /],
    ['', 400, /^the body is no JSON: /],
    ['null', 400, /^the body is neither an object nor an array$/],
    ['{}', 400, /^completion of the body must be a string$/],
    [JSON.stringify({ ...ROW, oldCode: 'a' }), 400, /^the body has an unknown field oldCode: there are completion, target, old_code, tokens$/],
    [JSON.stringify({ ...ROW, old_code: 1 }), 400, /^old_code of the body must be a string$/],
    [JSON.stringify({ ...ROW, tokens: 1.5 }), 400, /^tokens of the body must be a whole number of 0 or more$/],
    [JSON.stringify({ items: [ROW, 1] }), 400, /^items\[1\] is no object$/],
    [JSON.stringify({ items: 1 }), 400, /^items is no array$/],
    [JSON.stringify({ items: [], target: 'b' }), 400, /^the body beside items has an unknown field target/],
    [JSON.stringify({ ...ROW, explain: 1 }), 400, /^explain must be true or false$/],
    [JSON.stringify({ ...ROW, rubric: 'strict' }), 400, /^rubric is no object$/],
    [JSON.stringify({ ...ROW, rubric: { weights: { format: '1' } } }), 400, /^rubric\.weights\.format is a string/],
    [JSON.stringify({ ...ROW, rubric: { mode: 'lax' } }), 422, /^unknown reward mode `lax`/],
    [JSON.stringify({ items: [ROW], rubric: { weights: { edit_gain: 1 } } }), 422, /^items\[0\]: old_code is missing/],
    [JSON.stringify({ ...ROW, explain: true, rubric: { weights: { edit_gain: 1 } } }), 422, /^old_code is missing/],
    [JSON.stringify(Array(4097).fill(ROW)), 422, /^4097 items, more than 4096/],
  ];
  for (const [body, expected, message] of faults) {
    const [status, { error }] = await post(body);
    assert.equal(status, expected, `${body}: ${error}`);
    assert.match(error, message);
  }
  assert.equal((await post(undefined, '/score', { method: 'GET' }))[0], 405);
  assert.equal((await post('{}', '/else'))[0], 404);
  assert.equal((await post(JSON.stringify(ROW)))[0], 200);
});

test('a body beyond the limit is refused, and the server goes on', async () => {
  // The answer may come, and the connection go, while the body is still on its way.
  const refused = await post('x'.repeat(9 * 2 ** 20)).catch(() => [413]);
  assert.equal(refused[0], 413);
  assert.equal((await post(JSON.stringify(ROW)))[0], 200);
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
