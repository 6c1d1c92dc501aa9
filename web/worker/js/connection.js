// The page's side of a worker (`worker.js`): what is asked of it and what waits, and the checkpoints that it holds, by number.

/** A worker ends with the last of its checkpoints, and they with it. */
export class Connection {
  #worker;
  /** By the request's id. */
  #waiting = new Map();
  #ids = 0;
  /** The numbers of the checkpoints that live on it, or are being made. */
  #held = new Set();
  /** What the module said before it ended. */
  #panic;
  /** Why it can be asked no more. */
  over;

  constructor(worker) {
    this.#worker = worker;
    worker.onmessage = ({ data }) => this.#hear(data);
    worker.onerror = ({ message }) => this.end(new Error(this.#whyEnded(message)));
  }

  /** Asks for another checkpoint; its number is the request's. */
  async make(message, listeners) {
    const number = this.#ids++;
    this.#held.add(number);
    try {
      return { number, device: await this.ask(message, listeners, undefined, number) };
    } catch (error) {
      this.release(number);
      throw error;
    }
  }

  /** Asks `{ call, of, request }`. The signal stops the answer, which comes nevertheless. */
  async ask(message, listeners = {}, signal, id = this.#ids++) {
    signal?.throwIfAborted();
    const { of } = message;
    if (of !== undefined && !this.#held.has(of)) throw closed();
    if (this.over) throw this.over;
    this.#worker.postMessage({ id, ...message });
    const stop = () => this.#worker.postMessage({ id, stop: true });
    signal?.addEventListener('abort', stop);
    try {
      return await new Promise((resolve, reject) => this.#waiting.set(id, { of, resolve, reject, listeners }));
    } finally {
      signal?.removeEventListener('abort', stop);
    }
  }

  /** Lets go of a checkpoint; what is still asked of it fails, and so do those that are being made of it. */
  release(number) {
    if (!this.#held.delete(number)) return;
    for (const [id, { of, reject }] of this.#waiting) {
      if (of !== number) continue;
      this.#waiting.delete(id);
      reject(closed());
    }
    if (this.#held.size === 0) this.end(closed());
    else this.#worker.postMessage({ close: number });
  }

  /** Ends the worker and gives its memory back; what is still asked of it fails. */
  end(reason) {
    this.over ??= reason;
    this.#worker.terminate();
    for (const { reject } of this.#waiting.values()) reject(reason);
    this.#waiting.clear();
  }

  #hear({ id, value, error, broken, panic, ...event }) {
    this.#panic ??= panic;
    // Whoever asked may have been closed since; the others end all the same.
    if (broken) this.end(new Error(this.#whyEnded(error)));
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return;
    for (const [kind, said] of Object.entries(event)) {
      waiting.listeners[kind]?.(said);
      return;
    }
    this.#waiting.delete(id);
    if (error === undefined) waiting.resolve(value);
    else waiting.reject(new Error(error));
  }

  #whyEnded(message) {
    const unsaid = message === undefined ? 'it could not be started' : `${message}: the browser may have no memory left`;
    return `the worker ended (${this.#panic ?? unsaid}): load the checkpoint again`;
  }
}

const closed = () => new Error('the checkpoint is closed');
