// A grader over HTTP with node:http alone: `node server.mjs [PORT]`.
//
//   curl localhost:8917/score -d '{"completion": "…", "target": "…", "old_code": "…"}'
//
// Requests and answers have the form of those of `recode-trainer score --serve`: one completion gives an object; an array of them, or
// {"items": […]}, gives an array; "rubric" beside completion or items sets the rules, "explain": true asks for reasons. What is wrong with a
// request is answered as {"error": "…"}: 400 for a body that is no request, 404, 405 and 413 as ever, 422 for values that make no sense.
//
// `grade` is an ordinary handler of (request, response): app.post('/score', grade) puts it into Express, best before express.json(), which would
// refuse bodies over 100 KB, and in its own way; behind it, let that be express.json({ limit: '8mb', strict: false }).

import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';
import { explain, score, scoreBatch } from 'recode-reward';

const MAX_BODY_BYTES = 8 * 2 ** 20;
const MAX_ITEMS = 4096;
/** In characters of completions and targets together: an explanation of little is much longer than what it explains. */
const MAX_EXPLAINED = 2 ** 20;

/** An error that the caller is to blame for. */
class Fault extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The body: read here, unless a parser before this handler has read it. */
async function body(request) {
  if (request.readableEnded) return request.body;
  const chunks = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new Fault(413, `the body has more than ${MAX_BODY_BYTES} bytes: send fewer items at a time`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks)));
  } catch (error) {
    throw new Fault(400, `the body is no JSON: ${error.message}`);
  }
}

function known(value, name, fields) {
  if (value === null || typeof value !== 'object' || Array.isArray(value)) throw new Fault(400, `${name} is no object`);
  const other = Object.keys(value).find((field) => !fields.includes(field));
  if (other !== undefined) throw new Fault(400, `${name} has an unknown field ${other}: ${fields.length ? `there are ${fields.join(', ')}` : 'there are rubric and explain'}`);
  return value;
}

/** An item of a request, as the package names what is in it; `at` says where it stands. */
function item(value, name, at) {
  const { completion, target, old_code: oldCode, tokens: length } = known(value, name, ['completion', 'target', 'old_code', 'tokens']);
  for (const [field, text] of Object.entries({ completion, target, old_code: oldCode ?? '' })) {
    if (typeof text !== 'string') throw new Fault(400, `${at}${field} must be a string`);
    // A policy may cut a character in two; in the data it is a fault.
    if (field !== 'completion' && !text.isWellFormed()) throw new Fault(400, `${at}${field} has half a surrogate pair: mend the data`);
  }
  if (length !== undefined && length !== null && !(Number.isInteger(length) && length >= 0 && length < 2 ** 32)) {
    throw new Fault(400, `${at}tokens must be a whole number of 0 or more`);
  }
  return { completion, target, oldCode, length };
}

/** The rules of a request, looked at before its items. */
function rules(rubric) {
  const given = Object.entries(known(rubric ?? {}, 'rubric', ['mode', 'comparison', 'weights', 'overlong']));
  const checked = Object.fromEntries(given.filter(([, value]) => value !== null));
  try {
    scoreBatch([], checked);
  } catch (error) {
    throw new Fault(error instanceof TypeError ? 400 : 422, error.message.replace(/^options\./, 'rubric.'));
  }
  return checked;
}

function answer(request) {
  if (Array.isArray(request)) return answer({ items: request });
  if (request === null || typeof request !== 'object') throw new Fault(400, 'the body is neither an object nor an array');
  const { rubric, explain: explained = false, items, ...one } = request;
  if (typeof explained !== 'boolean') throw new Fault(400, 'explain must be true or false');
  const checked = rules(rubric);
  if (items === undefined) {
    const [row] = explainable([item(one, 'the body', '')], explained);
    return judged(row, checked, explained, '');
  }
  if (!Array.isArray(items)) throw new Fault(400, 'items is no array');
  if (items.length > MAX_ITEMS) throw new Fault(422, `${items.length} items, more than ${MAX_ITEMS}: send several requests`);
  known(one, 'the body beside items', []);
  const at = (index) => `items[${index}]: `;
  return explainable(items.map((value, index) => item(value, `items[${index}]`, at(index))), explained)
    .map((row, index) => judged(row, checked, explained, at(index)));
}

/** The rows, unless they are too long to be explained in one answer. */
function explainable(rows, explained) {
  const length = rows.reduce((sum, { completion, target }) => sum + completion.length + target.length, 0);
  if (explained && length > MAX_EXPLAINED) throw new Fault(422, `${length} characters to explain, more than ${MAX_EXPLAINED}: send several requests`);
  return rows;
}

function judged({ completion, target, oldCode, length }, rules, explained, at) {
  try {
    return (explained ? explain : score)(completion, target, { ...rules, oldCode, length });
  } catch (error) {
    // A plain error says what the rules want and the item does not have; anything else is no fault of the caller's.
    if (error.constructor !== Error) throw error;
    throw new Fault(422, at + error.message.replace(/^oldCode is/, 'old_code is').replace(/^length is/, 'tokens is'));
  }
}

function reply(response, status, value) {
  const text = JSON.stringify(value);
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) });
  response.end(text);
}

/** Answers a POST with the scores. */
export async function grade(request, response) {
  try {
    if (request.method !== 'POST') throw new Fault(405, `${request.method} is not answered here: POST a completion`);
    reply(response, 200, answer(await body(request)));
  } catch (error) {
    if (!(error instanceof Fault)) console.error(error);
    // The rest of a body that is too long is not waited for.
    if (error.status === 413) response.setHeader('connection', 'close');
    reply(response, error instanceof Fault ? error.status : 500, { error: error.message });
  }
}

export function serve(port) {
  const server = createServer((request, response) => {
    if (request.url.split('?')[0] === '/score') return grade(request, response);
    return reply(response, 404, { error: `there is nothing at ${request.url}: POST to /score` });
  });
  return server.listen(port, '127.0.0.1');
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const server = serve(Number(process.argv[2] ?? 8917));
  server.on('listening', () => console.log(`http://127.0.0.1:${server.address().port}/score`));
}
