import { cpSync, lstatSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect } from 'vitest';
import type { Objects } from '../../unit/support/view.ts';
import { nimSite, type Answer, type NimSite } from './site.ts';

/**
 * A site with three AIX nodes for each test of a file. After every one the recorded calls are looked through for what
 * must never be there: another language, a password among the arguments, a force flag where nobody had looked before.
 */
export function scenarios(): {
  readonly site: () => NimSite;
  readonly fails: (line: string, text: RegExp) => Promise<Answer>;
  readonly works: (line: string) => Promise<string>;
  /** What several tests begin with: done once, then copied with everything that it left. */
  readonly prepared: (name: string, make: () => Promise<unknown>) => Promise<void>;
} {
  let site: NimSite;
  const kept = new Map<string, Kept>();
  afterAll(() => {
    for (const { folder } of kept.values()) rmSync(folder, { recursive: true, force: true });
  });
  beforeEach(async () => {
    const nodes: Record<string, Record<string, string>> = {};
    for (const n of [1, 2, 3]) {
      nodes[`node0${String(n)}`] = {
        'nodelist.groups': 'aix,all',
        'hosts.ip': `10.0.0.1${String(n)}`,
        'mac.mac': `00:11:22:33:44:0${String(n)}`,
      };
    }
    site = await nimSite({
      site: {
        clustersite: { 'site.master': '10.0.0.1', 'site.domain': 'cluster.test', 'site.nameservers': '10.0.0.1' },
      },
      network: {
        net1: { 'networks.net': '10.0.0.0', 'networks.mask': '255.255.255.0', 'networks.gateway': '10.0.0.254' },
      },
      node: nodes,
    });
  });

  afterEach(() => {
    try {
      const calls = site.standIn.calls();
      expect(calls.every(({ locale }) => locale === 'C')).toBe(true);
      const argv = calls
        .filter(({ program }) => program !== 'nim-client')
        .map(({ program, argv: words }) => [program, ...words].join(' '));
      // No password among the arguments, and no force before the object's state was looked at.
      expect(argv.filter((line) => /password|passwd|abc123/i.test(line))).toEqual([]);
      for (const [index, line] of argv.entries()) {
        if (!/^nim -F/.test(line)) continue;
        const object = line.split(' ').at(-1) ?? '';
        const looked = argv
          .slice(0, index)
          .some((earlier) => earlier === 'lsnim -l' || earlier === `lsnim -l ${object}`);
        expect(`${line}: ${String(looked)}`).toBe(`${line}: true`);
      }
    } finally {
      site.close();
    }
  });

  async function fails(line: string, text: RegExp): Promise<Answer> {
    const answer = await site.hostler(line);
    expect(answer.err).toMatch(text);
    expect(answer.exit).not.toBe(0);
    return answer;
  }

  async function works(line: string): Promise<string> {
    const answer = await site.hostler(line);
    expect(`${answer.err}${String(answer.exit)}`).toBe('0');
    return answer.out;
  }

  async function prepared(name: string, make: () => Promise<unknown>): Promise<void> {
    const there = kept.get(name);
    if (there !== undefined) {
      restore(there, site);
      return;
    }
    await make();
    const folder = mkdtempSync(join(tmpdir(), 'hostler-nim-kept-'));
    cpSync(site.dir, folder, { recursive: true, verbatimSymlinks: true });
    kept.set(name, { folder, was: site.dir, objects: site.view.objects() });
  }

  return { site: () => site, fails, works, prepared };
}

interface Kept {
  readonly folder: string;
  /** The folder that it was: its name stands in files. */
  readonly was: string;
  readonly objects: Objects;
}

function restore({ folder, was, objects }: Kept, site: NimSite): void {
  // The programs are there already.
  const filter = (path: string): boolean => !/\/bin(\/|$)|stand-in\.mjs$/.test(path.slice(folder.length));
  cpSync(folder, site.dir, { recursive: true, verbatimSymlinks: true, force: true, filter });
  for (const entry of readdirSync(site.dir, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (!entry.isFile() || path.endsWith('stand-in.mjs') || lstatSync(path).size > 1 << 20) continue;
    const text = readFileSync(path, 'utf8');
    if (text.includes(was)) writeFileSync(path, text.replaceAll(was, site.dir));
  }
  const moved = JSON.parse(JSON.stringify(objects).replaceAll(was, site.dir)) as Objects;
  const before = site.view.objects();
  site.view.commit([
    ...Object.entries(before).flatMap(([type, named]) =>
      Object.keys(named).map((name) => ({ type, name, remove: true }) as const),
    ),
    ...Object.entries(moved).flatMap(([type, named]) =>
      Object.entries(named).map(([name, values]) => ({ type, name, values })),
    ),
  ]);
}
