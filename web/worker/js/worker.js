// The worker's side: holds one checkpoint, and does what the page asks of it (`checkpoint.js`).
//
// A request is { id, call, request }, and is answered by { id, value } or { id, error, broken }, after any number of { id, progress } or
// { id, text }. { id, stop } stops the answer of that id. { panic } is what the module says before it ends.

import start, { Checkpoint } from '../wasm/worker.js';
import { adapterFiles, modelFiles } from './folder.js';

// How long messages are left waiting, in milliseconds: a frame.
const BREATH = 16;

let checkpoint;
const stops = new Map();

const calls = {
  async load(id, { model, adapter, device }) {
    const { memory } = await start({ module_or_path: new URL('../wasm/worker_bg.wasm', import.meta.url) });
    const files = await modelFiles(model);
    const adapters = adapter === undefined ? undefined : await adapterFiles(adapter);
    let told = -Infinity;
    checkpoint = await Checkpoint.load(files, adapters, device, (done, all) => {
      const now = performance.now();
      if (now - told < BREATH && done < all) return;
      told = now;
      postMessage({ id, progress: { done, all } });
    });
    return { ...JSON.parse(checkpoint.device), module_bytes: memory.buffer.byteLength };
  },

  async generate(id, request, signal) {
    let breathed = performance.now();
    const answers = await checkpoint.generate(JSON.stringify(request), async (sample, text) => {
      if (text !== '') postMessage({ id, text: { sample, text } });
      if (performance.now() - breathed > BREATH) {
        await breath();
        breathed = performance.now();
      }
      return !signal.aborted;
    });
    return JSON.parse(answers);
  },

  async logprobs(_, request) {
    return JSON.parse(await checkpoint.logprobs(JSON.stringify(request)));
  },
};

/** Until the messages that wait have been heard; several answers may breathe at once. */
const channel = new MessageChannel();
const breathing = [];
channel.port1.onmessage = () => breathing.shift()();
function breath() {
  return new Promise((done) => {
    breathing.push(done);
    channel.port2.postMessage(null);
  });
}

onmessage = async ({ data: { id, call, request, stop } }) => {
  if (stop) {
    stops.get(id)?.abort();
    return;
  }
  const controller = new AbortController();
  stops.set(id, controller);
  try {
    postMessage({ id, value: await calls[call](id, request, controller.signal) });
  } catch (error) {
    // What ended inside of the module leaves its memory in any state: the page has to begin anew.
    postMessage({ id, error: error.message, broken: error instanceof WebAssembly.RuntimeError });
  } finally {
    stops.delete(id);
  }
};
