import { spawnSync } from 'node:child_process';

/** Figures by name; units stand in the name. Figures at several sizes stand under the size. */
export interface Figures {
  readonly [name: string]: number | string | readonly number[] | Figures;
}

export interface Bench {
  readonly name: string;
  /** Seconds that it may take. */
  readonly bound: number;
  /** Throws when it cannot be measured here; the reason is then reported in place of figures. */
  run(signal: AbortSignal): Promise<Figures>;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/** Milliseconds of each run of a program. Alternate what is compared (see `compared`), so that noise meets both. */
export function timeOnce(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): number {
  const began = process.hrtime.bigint();
  const { status, stderr } = spawnSync(program, [...args], { env: { ...process.env, ...env }, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with ${String(status)}: ${stderr}`);
  return Number(process.hrtime.bigint() - began) / 1e6;
}

/** Runs the contestants in turns; medians in milliseconds. */
export function compared<Name extends string>(
  turns: number,
  contestants: Readonly<Record<Name, () => number>>,
): Record<Name, number> {
  const names = Object.keys(contestants) as Name[];
  const times = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let turn = 0; turn < turns; turn += 1) for (const name of names) times.get(name)?.push(contestants[name]());
  return Object.fromEntries(names.map((name) => [name, Number(median(times.get(name) ?? []).toFixed(1))])) as Record<
    Name,
    number
  >;
}
