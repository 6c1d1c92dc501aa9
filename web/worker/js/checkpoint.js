// A checkpoint that runs in a Web Worker of this page, on WebGPU or on the processor.
//
//   const checkpoint = await Checkpoint.load({ model: 'models/policy/', onProgress: ({ done, all }) => … });
//   const { completions } = await checkpoint.generate({ prompt, temperature: 0, onText: ({ text }) => … });
//   const adapted = await checkpoint.with({ adapter: 'runs/first/checkpoints/step-000100/' });
//   checkpoint.close();
//   adapted.close();
//
// A worker holds one model and any number of adapters' checkpoints of it, and gives its memory back when the last of them is closed.

import { Connection } from './connection.js';

export class Checkpoint {
  #connection;
  #number;
  /**
   * `{ device: 'gpu' | 'cpu', name?, reason?, module_bytes }`: what it computes on, why that is no GPU, and the processor's memory that the
   * worker had taken once this was loaded, which it keeps.
   */
  device;

  /**
   * Loads a model directory of Hugging Face's layout, and an adapter directory of PEFT's.
   *
   * @param {object} options
   * @param {string | Record<string, string | Blob | Uint8Array>} options.model The folder's address, or its files by name: their addresses,
   *   Blobs (Files among them) or bytes. Wanted are config.json, tokenizer.json, model.safetensors or its shards with their index, and what is
   *   there of generation_config.json and tokenizer_config.json.
   * @param {string | Record<string, string | Blob | Uint8Array>} [options.adapter] Likewise: adapter_config.json, adapter_model.safetensors.
   * @param {'auto' | 'gpu' | 'cpu'} [options.device] auto takes WebGPU where that is a GPU, and the processor otherwise.
   * @param {(progress: { done: number, all: number }) => void} [options.onProgress] Bytes of the weights that have come.
   * @param {AbortSignal} [options.signal] Stops the loading, which then fails with the signal's reason.
   * @param {Worker} [options.worker] A worker that runs worker.js, where a page's bundler wants to start it itself.
   * @returns {Promise<Checkpoint>}
   */
  static async load({ model, adapter, device = 'auto', onProgress, signal, worker }) {
    signal?.throwIfAborted();
    const connection = new Connection(worker ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }));
    // A worker that loads is of no more use, and hears nothing where the files are at hand.
    const stop = () => connection.end(signal.reason);
    signal?.addEventListener('abort', stop);
    try {
      const request = { model: absolute(model), adapter: adapter && absolute(adapter), device };
      return new Checkpoint(connection, await connection.make({ call: 'load', request }, { progress: onProgress }));
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** What `load` and `with` make. */
  constructor(connection, { number, device }) {
    this.#connection = connection;
    this.#number = number;
    this.device = device;
  }

  /**
   * Another checkpoint of the same model on the same worker, which shares the model's weights and its tokenizer. Either is closed alone.
   *
   * @param {object} [options]
   * @param {string | Record<string, string | Blob | Uint8Array>} [options.adapter] As in `load`; left out: the model alone.
   * @returns {Promise<Checkpoint>}
   */
  async with({ adapter } = {}) {
    const request = { adapter: adapter && absolute(adapter) };
    return new Checkpoint(this.#connection, await this.#connection.make({ call: 'with', of: this.#number, request }));
  }

  /**
   * Answers a prompt.
   *
   * @param {object} options
   * @param {string} options.prompt As it is: special tokens in it are read as such, nothing is added.
   * @param {boolean} [options.chatml] Whether the prompt is ChatML: refused where the tokenizer does not know its tokens; false.
   * @param {number} [options.num_generations] Answers, side by side; 1.
   * @param {number} [options.max_completion_length] Tokens, the end token included; 1024.
   * @param {number} [options.temperature] 1; 0 takes the likeliest token always.
   * @param {number} [options.top_k] 0: all.
   * @param {number} [options.top_p] 1: all.
   * @param {number} [options.seed] 0.
   * @param {(prompt: { done: number, all: number }) => void} [options.onPrompt] Hears how many of the model's layers have read the prompt; a GPU
   *   has been told to.
   * @param {(piece: { sample: number, text: string }) => void} [options.onText] Hears the text as it comes.
   * @param {AbortSignal} [options.signal] Stops it; what was written until then comes back, its finish_reason `stopped`: nothing
   *   where the prompt was still being read.
   * @returns {Promise<{ completions: { sample: number, text: string, tokens: number, finish_reason: 'eos' | 'length' | 'stopped',
   *   completion_ids: number[], sampling_logprobs: number[] }[], prompt_tokens: number, stopped: boolean, prefill_seconds: number,
   *   decode_seconds: number, tokens_per_second: number }>}
   */
  async generate({ onPrompt, onText, signal, ...request }) {
    return this.#connection.ask({ call: 'generate', of: this.#number, request }, { prompt: onPrompt, text: onText }, signal);
  }

  /**
   * How likely a completion is, token by token.
   *
   * @param {{ prompt: string | number[], completion: string | number[], temperature?: number }} request Texts or token ids.
   * @returns {Promise<{ prompt_ids: number[], completion_ids: number[], logprobs: number[], total: number }>}
   */
  logprobs(request) {
    return this.#connection.ask({ call: 'logprobs', of: this.#number, request });
  }

  /** Why its worker has ended, where it has; a checkpoint of it answers no more. */
  get ended() {
    return this.#connection.over?.message;
  }

  /** Gives its memory back, with the last checkpoint of a worker the worker's; what is still asked of it fails. */
  close() {
    this.#connection.release(this.#number);
  }
}

/** The worker has another base address than the page. */
function absolute(folder) {
  const address = (place) => (typeof place === 'string' ? new URL(place, document.baseURI).href : place);
  if (typeof folder === 'string') return address(folder);
  return Object.fromEntries(Object.entries(folder).map(([name, place]) => [name, address(place)]));
}
