export const mebibyte = 2 ** 20;

/** The next multiple. */
export function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}

export function roundDown(bytes: number, unit: number): number {
  return Math.floor(bytes / unit) * unit;
}

const units = ['', 'K', 'M', 'G', 'T', 'P'];

/** A size as a person writes it in an edited layout: `512M`, `20G`, `1.5T`, or bytes. Undefined: it is none. */
export function parseSize(text: string): number | undefined {
  const [, number = '', unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)\s*([KMGTP]?)(?:iB)?$/.exec(text) ?? [];
  if (number === '') return undefined;
  const bytes = Math.round(Number(number) * 1024 ** units.indexOf(unit));
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** `37.5 GiB`. */
export function showSize(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${Number(value.toFixed(value < 10 ? 2 : 1))} ${unit === 0 ? 'bytes' : `${units[unit] ?? ''}iB`}`;
}
