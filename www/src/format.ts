// Numbers as people read them.

const whole = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 0 });

/** 12,345 */
export function count(value: number): string {
  return whole.format(value);
}

/** 1 picture, 2 pictures */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** 10, or 3 to 7: the least and the most of these. */
export function span(values: readonly number[]): string {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return least === most ? count(least) : `${count(least)} to ${count(most)}`;
}

/** 69 kB */
export function bytes(value: number): string {
  const units = ["bytes", "kB", "MB", "GB"];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = unit > 0 && scaled < 10 ? 1 : 0;
  return `${scaled.toFixed(digits)} ${units[unit] ?? ""}`;
}

/** 45 s, 2 min 5 s, 1 h 10 min; a unit stays with its number. */
export function duration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  if (total < 60) {
    return `${total}\u00a0s`;
  }
  if (total < 3600) {
    const rest = total % 60;
    const minutes = `${Math.floor(total / 60)}\u00a0min`;
    return rest === 0 ? minutes : `${minutes} ${rest}\u00a0s`;
  }
  return `${Math.floor(total / 3600)}\u00a0h ${Math.floor((total % 3600) / 60)}\u00a0min`;
}

/** 78.5 % */
export function percent(fraction: number, digits = 1): string {
  return `${(fraction * 100).toFixed(digits)}\u00a0%`;
}

/** Three significant digits, without an exponent where it reads well. */
export function figure(value: number): string {
  if (value !== 0 && (Math.abs(value) < 0.001 || Math.abs(value) >= 10000)) {
    return value.toExponential(2);
  }
  return value.toPrecision(3);
}
