// A file, wherever it lies, read piece by piece: `{ name, length, read(start, end) }`, where read gives some of the bytes from start on, at
// most up to end.

const PIECE = 4 << 20;
const ATTEMPTS = 3;

/** Of a Blob or File; nothing is read before it is asked for. */
export function fromBlob(name, blob, signal) {
  return {
    name,
    length: blob.size,
    async read(start, end) {
      signal?.throwIfAborted();
      return new Uint8Array(await blob.slice(start, Math.min(end, start + PIECE)).arrayBuffer());
    },
  };
}

/** Of bytes. */
export function fromBytes(name, bytes, signal) {
  return {
    name,
    length: bytes.length,
    async read(start, end) {
      signal?.throwIfAborted();
      return bytes.subarray(start, Math.min(end, start + PIECE));
    },
  };
}

/** Of a URL, in one download that takes up again where it broke off; undefined where there is no such file. */
export async function fromUrl(name, url, signal) {
  const response = await ask(url, {}, signal);
  if (response.status === 404) return undefined;
  if (!response.ok) throw new Error(`${url}: the server answers ${response.status} ${response.statusText}`.trimEnd());
  const length = response.headers.get('content-length');
  if (length === null || (response.headers.get('content-encoding') ?? 'identity') !== 'identity') {
    // How long it is shows at its end.
    return fromBlob(name, await response.blob(), signal);
  }
  const download = new Download(url, Number(length), response, signal);
  return { name, length: download.length, read: (start, end) => download.read(start, end) };
}

/** The whole of a small file. */
export async function readAll(file) {
  const bytes = new Uint8Array(file.length);
  for (let at = 0; at < bytes.length; ) {
    const piece = await file.read(at, bytes.length);
    if (piece.length === 0) throw new Error(`${file.name} ends after ${at} of ${bytes.length} bytes: load it again`);
    bytes.set(piece, at);
    at += piece.length;
  }
  return bytes;
}

async function ask(url, headers, signal) {
  try {
    return await fetch(url, { headers, signal });
  } catch (error) {
    if (signal?.aborted) throw signal.reason;
    throw new Error(`${url} cannot be fetched (${error.message}): is the address right, and may this page read it?`);
  }
}

class Download {
  #url;
  #signal;
  #version;
  #reader;
  /** What has come and is not yet handed on. */
  #ahead = new Uint8Array();
  #position = 0;

  constructor(url, length, response, signal) {
    this.length = length;
    this.#url = url;
    this.#signal = signal;
    this.#version = version(response);
    this.#reader = response.body.getReader();
  }

  async read(start, end) {
    if (start < this.#position) await this.#reopen(start);
    for (let failed = 0; ; ) {
      this.#signal?.throwIfAborted();
      if (this.#ahead.length > 0) {
        const skipped = Math.min(start - this.#position, this.#ahead.length);
        const piece = this.#ahead.subarray(skipped, skipped + end - start);
        this.#ahead = this.#ahead.subarray(skipped + piece.length);
        this.#position += skipped + piece.length;
        if (piece.length > 0) return piece;
        continue;
      }
      const { value, error } = await this.#reader.read().catch((error) => ({ error }));
      if (value !== undefined) {
        this.#ahead = value;
        continue;
      }
      if (this.#signal?.aborted) throw this.#signal.reason;
      failed += 1;
      if (failed === ATTEMPTS) {
        const why = error === undefined ? '' : ` (${error.message})`;
        throw new Error(`the download broke off after ${this.#position} of ${this.length} bytes${why}: load it again`);
      }
      await this.#reopen(this.#position);
    }
  }

  async #reopen(position) {
    this.#reader.cancel().catch(() => {});
    const response = await ask(this.#url, { range: `bytes=${position}-` }, this.#signal);
    const [from, length] = range(response) ?? [0, Number(response.headers.get('content-length'))];
    if (!response.ok || from > position) {
      throw new Error(`${this.#url}: the server answers ${response.status} when asked for the bytes from ${position} on`);
    }
    if (length !== this.length || version(response) !== this.#version) {
      throw new Error(`${this.#url} has changed while it was being downloaded: load it again`);
    }
    this.#reader = response.body.getReader();
    this.#ahead = new Uint8Array();
    // A server that knows no ranges begins anew, and what has been read is skipped.
    this.#position = from;
  }
}

/** Where a part of a file begins, and how long the file is. */
function range(response) {
  const found = /^bytes (\d+)-\d+\/(\d+)$/.exec(response.headers.get('content-range') ?? '');
  return found && [Number(found[1]), Number(found[2])];
}

const version = ({ headers }) => headers.get('etag') ?? headers.get('last-modified');
