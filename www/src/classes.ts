// The classes: a name and its pictures. A list that can be changed, undone once a step, and watched.

import type { Picture } from "./input/gather.ts";

export interface PictureClass {
  /** Stays the same when the class is renamed. */
  readonly id: number;
  readonly name: string;
  readonly files: readonly File[];
}

export class ClassList {
  #classes: readonly PictureClass[] = [];
  #before: readonly PictureClass[] | undefined;
  #nextId = 1;
  readonly #watchers: (() => void)[] = [];

  get all(): readonly PictureClass[] {
    return this.#classes;
  }

  get pictures(): number {
    return this.#classes.reduce((sum, { files }) => sum + files.length, 0);
  }

  /** Calls back after each change. */
  watch(watcher: () => void): void {
    this.#watchers.push(watcher);
  }

  /** Adds pictures to the classes of their folders; those without one become a new class, or go where `alone` says. */
  add(pictures: readonly Picture[], alone?: string): void {
    const byName = new Map<string, File[]>();
    const loose = alone ?? this.#freeName();
    for (const { folder, file } of pictures) {
      const name = clean(alone ?? folder ?? loose);
      const files = byName.get(name);
      if (files) {
        files.push(file);
      } else {
        byName.set(name, [file]);
      }
    }
    const known = this.#classes.map((old) => {
      const files = byName.get(old.name);
      byName.delete(old.name);
      return files ? { ...old, files: [...old.files, ...files] } : old;
    });
    const fresh = [...byName].map(([name, files]) => this.#make(name, files));
    fresh.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
    this.#change([...known, ...fresh]);
  }

  /** Gives a class another name; the name of another class merges the two. An empty name changes nothing. */
  rename(id: number, name: string): void {
    const wanted = clean(name);
    const other = this.#classes.find((candidate) => candidate.name === wanted && candidate.id !== id);
    if (other) {
      this.merge(id, other.id);
    } else if (wanted !== "") {
      this.#change(this.#classes.map((old) => (old.id === id ? { ...old, name: wanted } : old)));
    }
  }

  /** Moves all pictures of one class into another. */
  merge(from: number, into: number): void {
    const moved = this.#classes.find(({ id }) => id === from);
    if (moved && from !== into) {
      const rest = this.#classes.filter(({ id }) => id !== from);
      this.#change(rest.map((old) => (old.id === into ? { ...old, files: [...old.files, ...moved.files] } : old)));
    }
  }

  remove(id: number): void {
    this.#change(this.#classes.filter((old) => old.id !== id));
  }

  clear(): void {
    this.#change([]);
  }

  /** Takes back the last change. */
  undo(): void {
    if (this.#before) {
      this.#change(this.#before);
    }
  }

  #make(name: string, files: readonly File[]): PictureClass {
    this.#nextId += 1;
    return { id: this.#nextId, name, files };
  }

  #freeName(): string {
    const names = new Set(this.#classes.map(({ name }) => name));
    let number = 1;
    while (names.has(`Class ${number}`)) {
      number += 1;
    }
    return `Class ${number}`;
  }

  #change(classes: readonly PictureClass[]): void {
    this.#before = this.#classes;
    this.#classes = classes;
    for (const watcher of this.#watchers) {
      watcher();
    }
  }
}

const LONGEST_NAME = 80;

function clean(name: string): string {
  return name.replace(/\s+/g, " ").trim().slice(0, LONGEST_NAME);
}
