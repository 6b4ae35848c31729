// Names of class folders, and the file beside them that says their classes, as the command line writes and reads them
// (`src/data/class_folders.rs` has the reasons): what no file system holds in a name becomes `%` and two digits a byte, and names
// that are alike, too long, or mean something to a system end in `~` and a number.

export const MANIFEST = "classes.json";

export interface ClassFolder {
  folder: string;
  name: string;
}

/** UTF-8 bytes of a folder's name before its mark. */
const LONGEST = 120;
/** Of letters: not in a name, not at its ends, or else read as an escape or a mark. */
const ESCAPED = /[\p{Cc}/\\:*?"<>|]|^[.\s]|[.\s]$|%(?=[0-9a-f]{2})|~(?=\d+$)/giu;
const DEVICE = /^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[1-9¹²³])\s*(\.|$)/iu;
const OF_SYSTEMS =
  /^(__macosx|\$recycle\.bin|system volume information|lost\+found|(eh)?thumbs\.db|desktop\.ini|@eadir|__pycache__)$/i;

/** A folder for each class, no two alike. */
export function classFolders(classes: readonly string[]): ClassFolder[] {
  const alike = new Map<string, number>();
  return classes.map((name) => {
    const { text, marked } = plain(name.normalize());
    const key = text.toUpperCase().toLowerCase();
    const count = (alike.get(key) ?? 0) + 1;
    alike.set(key, count);
    return { folder: marked || count > 1 ? `${text}~${count}` : text, name };
  });
}

/** The content of the file. */
export function manifest(folders: readonly ClassFolder[]): string {
  return `[\n${folders.map((folder) => `  ${JSON.stringify(folder)}`).join(",\n")}\n]\n`;
}

/** A name without what no folder can have in its own, and whether a mark has to follow. */
function plain(name: string): { text: string; marked: boolean } {
  const escaped = name
    .replace(ESCAPED, escape)
    .replace(DEVICE, (device) => (device.endsWith(".") ? device.slice(0, -1) + escape(".") : device));
  const encoder = new TextEncoder();
  let [text, bytes] = ["", 0];
  for (const [part] of escaped.matchAll(/%[0-9A-F]{2}|[^]/gu)) {
    bytes += encoder.encode(part).length;
    if (bytes > LONGEST) {
      return { text, marked: true };
    }
    text += part;
  }
  return { text, marked: text === "" || DEVICE.test(text) || OF_SYSTEMS.test(text) };
}

function escape(letters: string): string {
  return [...new TextEncoder().encode(letters)]
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
    .join("");
}

/** The classes of folders, as the files beside them say. */
export class ClassNames {
  readonly #names = new Map<string, string>();

  /** Takes what a file says; `false` if that is something else. */
  add(path: string, content: string): boolean {
    const above = path.slice(0, path.length - MANIFEST.length);
    const folders = parsed(content);
    for (const { folder, name } of folders ?? []) {
      this.#names.set((above + folder).normalize(), name);
    }
    return folders !== undefined;
  }

  /** The class of a picture: as its folder is called, if nothing is said of that. */
  of(path: string): string | undefined {
    const parts = path.split("/");
    return this.#names.get(parts.slice(0, -1).join("/").normalize()) ?? parts.at(-2);
  }
}

function parsed(content: string): ClassFolder[] | undefined {
  try {
    const found: unknown = JSON.parse(content);
    return Array.isArray(found) && found.every(isClassFolder) ? found : undefined;
  } catch {
    return undefined;
  }
}

function isClassFolder(value: unknown): value is ClassFolder {
  const { folder, name } = (value ?? {}) as Partial<ClassFolder>;
  return typeof folder === "string" && typeof name === "string";
}

export const isManifest = (path: string): boolean => path === MANIFEST || path.endsWith(`/${MANIFEST}`);
