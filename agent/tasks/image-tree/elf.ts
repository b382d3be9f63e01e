import { readFile } from 'node:fs/promises';
import { existsInside } from './inside.ts';

/** What a program or library says that it needs to run. */
export interface ElfNeeds {
  /** Path of its loader; empty: it needs none. */
  readonly loader: string;
  readonly libraries: readonly string[];
}

const loadSegment = 1;
const dynamicSegment = 2;
const loaderSegment = 3;
const neededTag = 1;
const stringsTag = 5;

/** Reads the tables of a 64-bit ELF file of either byte order; undefined for whatever else. */
export function elfNeeds(elf: Buffer): ElfNeeds | undefined {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46 || elf[4] !== 2) return undefined;
  const little = elf[5] === 1;
  const u16 = (at: number): number => (little ? elf.readUInt16LE(at) : elf.readUInt16BE(at));
  const u64 = (at: number): number => Number(little ? elf.readBigUInt64LE(at) : elf.readBigUInt64BE(at));
  try {
    const [table, size, count] = [u64(32), u16(54), u16(56)];
    const segments = Array.from({ length: count }, (_, index) => {
      const at = table + index * size;
      const type = little ? elf.readUInt32LE(at) : elf.readUInt32BE(at);
      return { type, offset: u64(at + 8), address: u64(at + 16), bytes: u64(at + 32) };
    });
    const text = (at: number): string => elf.toString('latin1', at, elf.indexOf(0, at));
    const loader = segments.find(({ type }) => type === loaderSegment);
    const dynamic = segments.find(({ type }) => type === dynamicSegment);
    const entries = Array.from({ length: Math.floor((dynamic?.bytes ?? 0) / 16) }, (_, index) => {
      const at = (dynamic?.offset ?? 0) + index * 16;
      return { tag: u64(at), value: u64(at + 8) };
    });
    const address = entries.find(({ tag }) => tag === stringsTag)?.value ?? 0;
    const home = segments.find(
      (one) => one.type === loadSegment && address >= one.address && address < one.address + one.bytes,
    );
    const strings = home === undefined ? 0 : address - home.address + home.offset;
    return {
      loader: loader === undefined ? '' : text(loader.offset),
      libraries: entries.filter(({ tag }) => tag === neededTag).map(({ value }) => text(strings + value)),
    };
  } catch {
    return undefined; // cut short, or not what it says that it is
  }
}

/** For which machine the programs of a tree are. */
export async function programKind(root: string): Promise<string | undefined> {
  for (const place of ['usr/bin/bash', 'usr/bin/sh', 'bin/sh', 'usr/lib/systemd/systemd', 'usr/bin/node']) {
    const file = await existsInside(root, place);
    const kind = file === undefined ? undefined : machineOf(await readFile(file));
    if (kind !== undefined) return kind;
  }
  return undefined;
}

/** Width, byte order and machine of an ELF program. */
export function machineOf(elf: Buffer): string | undefined {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46) return undefined;
  return `${elf[4] ?? 0} ${elf[5] ?? 0} ${elf[5] === 1 ? elf.readUInt16LE(18) : elf.readUInt16BE(18)}`;
}

/** An ELF program without an interpreter (PT_INTERP, type 3) needs no library. */
export function isStatic(elf: Buffer): boolean {
  if (elf.length < 64 || elf.readUInt32BE(0) !== 0x7f454c46) return false;
  const wide = elf[4] === 2;
  const little = elf[5] === 1;
  const u16 = (at: number): number => (little ? elf.readUInt16LE(at) : elf.readUInt16BE(at));
  const u32 = (at: number): number => (little ? elf.readUInt32LE(at) : elf.readUInt32BE(at));
  // The upper half of a 64-bit offset is zero in any file of sane size.
  const table = wide ? u32(little ? 32 : 36) : u32(28);
  const [size, count] = wide ? [u16(54), u16(56)] : [u16(42), u16(44)];
  for (let index = 0; index < count; index += 1) {
    const at = table + index * size;
    if (at + 4 > elf.length) return false;
    if (u32(at) === 3) return false;
  }
  return true;
}
