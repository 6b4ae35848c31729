// Small views of pictures, made only for what is on the screen.

const SIDE = 44;
const MOST = 12;

const waiting = new WeakMap<Element, readonly File[]>();
const observer = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      const files = waiting.get(target);
      if (isIntersecting && files) {
        waiting.delete(target);
        observer.unobserve(target);
        void fill(target, files);
      }
    }
  },
  { rootMargin: "200px" },
);

/** A row of thumbnails of the first pictures, drawn when it comes into view. */
export function thumbnails(files: readonly File[]): HTMLElement {
  const row = document.createElement("div");
  row.className = "thumbnails";
  row.setAttribute("aria-hidden", "true");
  const shown = spread(files, MOST);
  row.append(...shown.map(blank));
  waiting.set(row, shown);
  observer.observe(row);
  return row;
}

/** Pictures from the whole list, not only its beginning. */
function spread(files: readonly File[], most: number): File[] {
  const step = Math.max(1, files.length / most);
  const shown: File[] = [];
  for (let at = 0; at < files.length && shown.length < most; at += step) {
    const file = files[Math.floor(at)];
    if (file) {
      shown.push(file);
    }
  }
  return shown;
}

function blank(): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = SIDE;
  canvas.height = SIDE;
  return canvas;
}

async function fill(row: Element, files: readonly File[]): Promise<void> {
  const canvases = row.querySelectorAll("canvas");
  for (const [index, file] of files.entries()) {
    const canvas = canvases[index];
    if (!canvas || !row.isConnected) {
      return;
    }
    try {
      // With one side given, the other keeps the proportion; the browser decodes beside this thread.
      const bitmap = await createImageBitmap(file, { resizeHeight: SIDE, resizeQuality: "medium" });
      const width = Math.min(bitmap.width, SIDE);
      const left = (bitmap.width - width) / 2;
      canvas.getContext("2d")?.drawImage(bitmap, left, 0, width, SIDE, (SIDE - width) / 2, 0, width, SIDE);
      bitmap.close();
    } catch {
      canvas.classList.add("unreadable");
    }
  }
}
