// A checkpoint that runs in a Web Worker of this page, on WebGPU or on the processor.
//
//   const checkpoint = await Checkpoint.load({ model: 'models/policy/', onProgress: ({ done, all }) => … });
//   const { completions } = await checkpoint.generate({ prompt, temperature: 0, onText: ({ text }) => … });
//   checkpoint.close();
//
// One worker holds one checkpoint, and gives its memory back when it is closed.

export class Checkpoint {
  #worker;
  #waiting = new Map();
  #ids = 0;
  /** What the module said before it ended. */
  #panic;
  /** Why it can be asked no more. */
  #over;
  /**
   * `{ device: 'gpu' | 'cpu', name?, reason?, module_bytes }`: what it computes on, why that is no GPU, and the processor's memory that the
   * loading took, which a worker keeps.
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
    const checkpoint = new Checkpoint(worker ?? new Worker(new URL('./worker.js', import.meta.url), { type: 'module' }));
    // A worker that loads is of no more use, and hears nothing where the files are at hand.
    const stop = () => checkpoint.#end(signal.reason);
    signal?.addEventListener('abort', stop);
    try {
      const request = { model: absolute(model), adapter: adapter && absolute(adapter), device };
      checkpoint.device = await checkpoint.#ask('load', request, { progress: onProgress });
      return checkpoint;
    } catch (error) {
      checkpoint.close();
      throw error;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#hear(data);
    worker.onerror = ({ message }) => this.#end(new Error(this.#whyEnded(message)));
  }

  /**
   * Answers a prompt.
   *
   * @param {object} options
   * @param {string} options.prompt As it is: special tokens in it are read as such, nothing is added.
   * @param {number} [options.num_generations] Answers, side by side; 1.
   * @param {number} [options.max_completion_length] Tokens, the end token included; 1024.
   * @param {number} [options.temperature] 1; 0 takes the likeliest token always.
   * @param {number} [options.top_k] 0: all.
   * @param {number} [options.top_p] 1: all.
   * @param {number} [options.seed] 0.
   * @param {(piece: { sample: number, text: string }) => void} [options.onText] Hears the text as it comes.
   * @param {AbortSignal} [options.signal] Stops it; what was written until then comes back, its finish_reason `stopped`.
   * @returns {Promise<{ completions: { sample: number, text: string, tokens: number, finish_reason: 'eos' | 'length' | 'stopped',
   *   completion_ids: number[], sampling_logprobs: number[] }[], prompt_tokens: number, stopped: boolean, prefill_seconds: number,
   *   decode_seconds: number, tokens_per_second: number }>}
   */
  async generate({ onText, signal, ...request }) {
    signal?.throwIfAborted();
    const id = this.#ids;
    const stop = () => this.#worker.postMessage({ id, stop: true });
    const answer = this.#ask('generate', request, { text: onText });
    signal?.addEventListener('abort', stop);
    try {
      return await answer;
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /**
   * How likely a completion is, token by token.
   *
   * @param {{ prompt: string | number[], completion: string | number[], temperature?: number }} request Texts or token ids.
   * @returns {Promise<{ prompt_ids: number[], completion_ids: number[], logprobs: number[], total: number }>}
   */
  logprobs(request) {
    return this.#ask('logprobs', request);
  }

  /** Ends the worker and gives its memory back; what is still asked of it fails. */
  close() {
    this.#end(new Error('the checkpoint is closed'));
  }

  async #ask(call, request, listeners = {}) {
    if (this.#over) throw this.#over;
    const id = this.#ids++;
    this.#worker.postMessage({ id, call, request });
    return new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject, listeners }));
  }

  #hear({ id, value, error, broken, panic, ...event }) {
    this.#panic ??= panic;
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    for (const [kind, said] of Object.entries(event)) {
      waiting.listeners[kind]?.(said);
      return;
    }
    this.#waiting.delete(id);
    if (broken) this.#over = new Error(this.#whyEnded(error));
    if (error === undefined) waiting.resolve(value);
    else waiting.reject(this.#over ?? new Error(error));
    if (broken) this.#end(this.#over);
  }

  #whyEnded(message) {
    const unsaid = message === undefined ? 'it could not be started' : `${message}: the browser may have no memory left`;
    return `the worker ended (${this.#panic ?? unsaid}): load the checkpoint again`;
  }

  #end(reason) {
    this.#over ??= reason;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }
}

/** The worker has another base address than the page. */
function absolute(folder) {
  const address = (place) => (typeof place === 'string' ? new URL(place, document.baseURI).href : place);
  if (typeof folder === 'string') return address(folder);
  return Object.fromEntries(Object.entries(folder).map(([name, place]) => [name, address(place)]));
}
