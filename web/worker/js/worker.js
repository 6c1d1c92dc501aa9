// The worker's side: holds a model's checkpoints by number, and does what the page asks of them (`connection.js`).
//
// A request is { id, call, of, request }, `of` a checkpoint's number, and is answered by { id, value } or { id, error, broken }, after any
// number of { id, progress }, { id, prompt } or { id, text }. load and with make the checkpoint whose number is the request's id. { id, stop } stops the
// answer of that id, and { close } a checkpoint of that number. { panic } is what the module says before it ends.

import start, { Checkpoint } from '../wasm/worker.js';
import { adapterFiles, modelFiles } from './folder.js';

// How long messages are left waiting, in milliseconds: a frame.
const BREATH = 16;

const checkpoints = new Map();
/** By the request's id: `{ of, controller, answered }`. */
const running = new Map();
let memory;

const calls = {
  async load(id, _, { model, adapter, device }) {
    ({ memory } = await start({ module_or_path: new URL('../wasm/worker_bg.wasm', import.meta.url) }));
    const files = await modelFiles(model);
    const adapters = adapter === undefined ? undefined : await adapterFiles(adapter);
    let told = -Infinity;
    const checkpoint = await Checkpoint.load(files, adapters, device, (done, all) => {
      const now = performance.now();
      if (now - told < BREATH && done < all) return;
      told = now;
      postMessage({ id, progress: { done, all } });
    });
    return keep(id, checkpoint);
  },

  async with(id, checkpoint, { adapter }) {
    const files = adapter === undefined ? undefined : await adapterFiles(adapter);
    return keep(id, await checkpoint.withAdapter(files));
  },

  async generate(id, checkpoint, request, signal) {
    let breathed = performance.now();
    const goOn = async () => {
      if (performance.now() - breathed > BREATH) {
        await breath();
        breathed = performance.now();
      }
      return !signal.aborted;
    };
    const read = (done, all) => {
      postMessage({ id, prompt: { done, all } });
      return goOn();
    };
    const heard = (sample, text) => {
      if (text !== '') postMessage({ id, text: { sample, text } });
      return goOn();
    };
    return JSON.parse(await checkpoint.generate(JSON.stringify(request), read, heard));
  },

  async logprobs(_, checkpoint, request) {
    return JSON.parse(await checkpoint.logprobs(JSON.stringify(request)));
  },
};

/** What the page hears of a checkpoint. */
function keep(number, checkpoint) {
  checkpoints.set(number, checkpoint);
  return { ...JSON.parse(checkpoint.device), module_bytes: memory.buffer.byteLength };
}

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

/** Frees a checkpoint, once nothing computes with it that the module has lent it to; one that is being made as soon as it is. */
async function close(number) {
  const asked = [...running].filter(([id, { of }]) => id === number || of === number).map(([, request]) => request);
  for (const { controller } of asked) controller.abort();
  await Promise.all(asked.map(({ answered }) => answered));
  try {
    checkpoints.get(number)?.free();
    checkpoints.delete(number);
  } catch (error) {
    postMessage({ error: error.message, broken: true });
  }
}

async function answer({ id, call, of, request }, signal) {
  try {
    postMessage({ id, value: await calls[call](id, checkpoints.get(of), request, signal) });
  } catch (error) {
    // What ended inside of the module leaves its memory in any state: the page has to begin anew.
    postMessage({ id, error: error.message, broken: error instanceof WebAssembly.RuntimeError });
  }
  running.delete(id);
}

onmessage = ({ data }) => {
  if (data.stop) {
    running.get(data.id)?.controller.abort();
  } else if (data.close !== undefined) {
    close(data.close);
  } else {
    const controller = new AbortController();
    const answered = answer(data, controller.signal);
    running.set(data.id, { of: data.of, controller, answered });
  }
};
