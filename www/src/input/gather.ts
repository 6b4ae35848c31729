// From whatever was dropped or chosen to pictures with the names of their classes.

import { ClassNames, isManifest } from "../files/class-folders.ts";
import { count } from "../format.ts";
import { readZip, ZipError } from "./zip.ts";

export interface Picture {
  /** The class of the folder that it lies in; none for a picture that was given alone. */
  folder: string | undefined;
  file: File;
}

export interface Gathering {
  pictures: Picture[];
  /** One sentence for each thing that was left out. */
  problems: string[];
}

interface Found {
  path: string;
  file: File;
}

/** Some of these only some browsers read; what this one cannot read is named when it is decoded. */
const PICTURE = /\.(a?png|jpe?g|jfif|webp|gif|bmp|avif|ico|hei[cf]|tiff?|jxl)$/i;
const LARGEST_FILE = 100e6;
/** So that an archive or a home folder dropped by mistake does not fill the memory. */
const MOST_PICTURES = 50_000;

/** What was dropped: folders to their depths, zip files, pictures. */
export async function fromDrop(transfer: DataTransfer): Promise<Gathering> {
  // The list of items is emptied as soon as the event is over, so everything is taken from it before the first wait.
  const items = [...transfer.items].filter((item) => item.kind === "file");
  const entries = items.map((item) => item.webkitGetAsEntry() ?? item.getAsFile());
  const found: Found[] = [];
  for (const entry of entries) {
    if (entry instanceof File) {
      found.push({ path: entry.name, file: entry });
    } else if (entry) {
      await walk([entry], "", found);
    }
  }
  return sort(found);
}

/** What was chosen in a file dialogue, of a folder or of files. */
export async function fromFiles(files: Iterable<File>): Promise<Gathering> {
  return sort([...files].map((file) => ({ path: file.webkitRelativePath || file.name, file })));
}

/** Finds the files among these entries of a folder, which are opened together, then those in its folders. */
async function walk(entries: readonly FileSystemEntry[], parent: string, found: Found[]): Promise<void> {
  const path = ({ name }: FileSystemEntry): string => (parent === "" ? name : `${parent}/${name}`);
  const seen = entries.filter((entry) => !hidden(path(entry)));
  const open = async (entry: FileSystemFileEntry): Promise<Found> => ({
    path: path(entry),
    file: await new Promise<File>((resolve, reject) => entry.file(resolve, reject)),
  });
  found.push(...(await Promise.all(seen.filter(isFile).map(open))));
  for (const folder of seen.filter(isFolder)) {
    const reader = folder.createReader();
    // A reader gives at most a hundred entries at a time, and an empty list at the end.
    for (let batch = await next(reader); batch.length > 0; batch = await next(reader)) {
      if (found.length > MOST_PICTURES) {
        return;
      }
      await walk(batch, path(folder), found);
    }
  }
}

// Not by `instanceof`: Chromium keeps these classes to itself.
function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

function isFolder(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory;
}

function next(reader: FileSystemDirectoryReader): Promise<FileSystemEntry[]> {
  return new Promise((resolve, reject) => reader.readEntries(resolve, reject));
}

async function sort(found: Found[]): Promise<Gathering> {
  const gathering: Gathering = { pictures: [], problems: [] };
  const names = new ClassNames();
  const kept: Found[] = [];
  let others = 0;
  // File systems list in any order; a run of the same pictures and seed is to be the same.
  found.sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, file } of found) {
    if (hidden(path)) {
      continue;
    }
    if (/\.zip$/i.test(path)) {
      others += await unpack(file, gathering);
    } else if (isPicture(file)) {
      keep({ path, file }, kept, gathering);
    } else if (!(await isNames(path, file, names))) {
      others += 1;
    }
  }
  add(kept, names, gathering);
  if (others > 0) {
    gathering.problems.push(
      `${count(others)} ${others === 1 ? "file is not a picture and was" : "files are not pictures and were"} left out.`,
    );
  }
  if (gathering.pictures.length > MOST_PICTURES) {
    gathering.pictures.length = MOST_PICTURES;
    gathering.problems.push(
      `Only the first ${count(MOST_PICTURES)} pictures were taken, which is as many as a tab can hold.`,
    );
  }
  return gathering;
}

/** Keeps the pictures in a zip file; how many other files are in it. */
async function unpack(archive: File, gathering: Gathering): Promise<number> {
  const names = new ClassNames();
  const kept: Found[] = [];
  let others = 0;
  const wanted = (path: string): boolean => {
    const read = PICTURE.test(path) || isManifest(path);
    if (!read && !path.endsWith("/") && !hidden(path)) {
      others += 1;
    }
    return read && !hidden(path);
  };
  try {
    for await (const entry of readZip(archive, wanted)) {
      if (entry instanceof ZipError) {
        gathering.problems.push(entry.message);
      } else if (PICTURE.test(entry.path)) {
        keep(entry, kept, gathering);
      } else if (!(await isNames(entry.path, entry.file, names))) {
        others += 1;
      }
    }
  } catch (error) {
    if (!(error instanceof ZipError)) {
      throw error;
    }
    gathering.problems.push(error.message);
    others = 0;
  }
  add(kept, names, gathering);
  return others;
}

/** Whether a file says the classes of folders, which are then known. */
async function isNames(path: string, file: File, names: ClassNames): Promise<boolean> {
  return isManifest(path) && file.size <= LARGEST_FILE && names.add(path, await file.text());
}

function keep(picture: Found, kept: Found[], gathering: Gathering): void {
  if (picture.file.size > LARGEST_FILE) {
    gathering.problems.push(`“${picture.file.name}” is larger than 100 MB and was left out.`);
  } else {
    kept.push(picture);
  }
}

function add(kept: readonly Found[], names: ClassNames, gathering: Gathering): void {
  for (const { path, file } of kept) {
    gathering.pictures.push({ folder: names.of(path), file });
  }
}

function isPicture(file: File): boolean {
  return (file.type.startsWith("image/") && file.type !== "image/svg+xml") || PICTURE.test(file.name);
}

function hidden(path: string): boolean {
  return path.split("/").some((part) => part.startsWith(".") || part === "__MACOSX");
}
