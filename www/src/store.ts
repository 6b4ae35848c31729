// Keeps the run of this page in the browser (IndexedDB): the decoded images, the settings, the last checkpoint and the
// result, so that a reload, a crash or a closed tab loses at most seconds of work. Nothing of it leaves the machine.

import type { LabelledImages } from "attar/inlined";
import type { Settings } from "./settings.ts";

export interface SavedRun {
  /** Milliseconds since 1970. */
  started: number;
  settings: Settings;
  /** The files that the images came from. */
  originals: Originals;
  state: "running" | "finished";
  /** The numbers ran out of bounds: the result is what was kept from before. */
  diverged?: boolean;
  /** How far the last checkpoint is. */
  reached: { fraction: number; seconds: number };
}

export interface Originals {
  pictures: number;
  bytes: number;
}

interface Header extends Omit<LabelledImages, "pixels"> {
  chunks: number;
}

/** So large that there are few, so small that copying one does not hold up the page. */
const CHUNK = 2 << 20;
const DATABASE = "attar";
const TABLE = "run";
/** In the storage that answers at once: when the run began that was discarded, until it is cleared. */
const DISCARDED = "attar.discarded";
/** Changes when what is stored changes its shape; what older versions stored is dropped. */
const VERSION = 1;

/** The storage, or nothing where the browser gives none (some frames and windows) or another tab has it. */
export async function openStore(): Promise<Store | undefined> {
  try {
    if (!(await claim())) {
      return undefined;
    }
    const request = indexedDB.open(DATABASE, VERSION);
    request.onupgradeneeded = () => {
      const database = request.result;
      for (const name of [...database.objectStoreNames]) {
        database.deleteObjectStore(name);
      }
      database.createObjectStore(TABLE);
    };
    return new Store(await settled(request));
  } catch {
    return undefined;
  }
}

/** A page that has just been reloaded may hold its lock for a moment. */
const CLAIMS = { attempts: 4, apart: 250 };

/** Holds the storage for as long as this page lives, so that two tabs do not overwrite each other's run. */
async function claim(): Promise<boolean> {
  for (let attempt = 0; attempt < CLAIMS.attempts; attempt += 1) {
    if (attempt > 0) {
      await new Promise((resolve) => setTimeout(resolve, CLAIMS.apart));
    }
    const claimed = await new Promise<boolean>((answer, reject) => {
      const forever = new Promise<never>(() => undefined);
      navigator.locks
        .request(DATABASE, { ifAvailable: true }, (lock) => {
          answer(lock !== null);
          return lock ? forever : undefined;
        })
        .catch(reject);
    });
    if (claimed) {
      return true;
    }
  }
  return false;
}

export class Store {
  readonly #database: IDBDatabase;

  constructor(database: IDBDatabase) {
    this.#database = database;
    // Another tab with a newer page may change the shape.
    database.onversionchange = () => database.close();
  }

  /** Replaces whatever is kept by a new run. The note about it comes last: without it, the rest does not count. */
  async begin(run: SavedRun, train: LabelledImages, test: LabelledImages): Promise<void> {
    await this.clear();
    await this.#putImages("train", train);
    await this.#putImages("test", test);
    await this.#put("run", run);
  }

  async checkpoint(run: SavedRun, bytes: Uint8Array): Promise<void> {
    await this.#putAll([
      ["run", run],
      ["checkpoint", bytes],
    ]);
  }

  async finish(run: SavedRun, result: Uint8Array): Promise<void> {
    await this.#putAll([
      ["run", { ...run, state: "finished" } satisfies SavedRun],
      ["result", result],
    ]);
  }

  async run(): Promise<SavedRun | undefined> {
    const run = await this.#get<SavedRun>("run");
    return run && localStorage.getItem(DISCARDED) === String(run.started) ? undefined : run;
  }

  lastCheckpoint(): Promise<Uint8Array | undefined> {
    return this.#get<Uint8Array>("checkpoint");
  }

  result(): Promise<Uint8Array | undefined> {
    return this.#get<Uint8Array>("result");
  }

  async images(part: "train" | "test"): Promise<LabelledImages> {
    const header = await this.#get<Header>(part);
    if (!header) {
      throw new Error("The pictures of the saved run are gone: the browser removed them.");
    }
    const { chunks, ...rest } = header;
    const pixels = new Uint8Array(rest.labels.length * rest.channels * rest.height * rest.width);
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      const bytes = await this.#get<Uint8Array>(`${part}/${chunk}`);
      pixels.set(bytes ?? [], chunk * CHUNK);
    }
    return { ...rest, pixels };
  }

  /** Clears a run for good: a page that goes away in the next instant may take its transaction with it. */
  discard(run: SavedRun): Promise<void> {
    localStorage.setItem(DISCARDED, String(run.started));
    return this.clear();
  }

  async clear(): Promise<void> {
    await this.#change((table) => table.clear());
    localStorage.removeItem(DISCARDED);
  }

  async #putImages(part: "train" | "test", { pixels, ...rest }: LabelledImages): Promise<void> {
    const chunks = Math.ceil(pixels.length / CHUNK);
    for (let chunk = 0; chunk < chunks; chunk += 1) {
      await this.#put(`${part}/${chunk}`, pixels.slice(chunk * CHUNK, (chunk + 1) * CHUNK));
    }
    await this.#put(part, { ...rest, chunks } satisfies Header);
  }

  #put(key: string, value: unknown): Promise<void> {
    return this.#putAll([[key, value]]);
  }

  /** In one transaction: all or none. */
  #putAll(entries: [key: string, value: unknown][]): Promise<void> {
    return this.#change((table) => {
      for (const [key, value] of entries) {
        table.put(value, key);
      }
    });
  }

  #change(change: (table: IDBObjectStore) => void): Promise<void> {
    const transaction = this.#database.transaction(TABLE, "readwrite");
    change(transaction.objectStore(TABLE));
    return new Promise((resolve, reject) => {
      transaction.oncomplete = () => resolve();
      transaction.onabort = () => reject(transaction.error ?? new Error("The browser stopped storing the run."));
    });
  }

  #get<T>(key: string): Promise<T | undefined> {
    return settled<T | undefined>(this.#database.transaction(TABLE).objectStore(TABLE).get(key));
  }
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error ?? new Error("The browser's storage did not answer."));
  });
}
