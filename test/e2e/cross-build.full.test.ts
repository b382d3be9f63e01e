// The same for ppc64le: its own kernel file, console and machine. bound: 1200 s, with virtual machines
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { archWord } from '../../agent/facts/system.ts';
import { consolesOf, CrossSite, lackFor } from '../lab/cross-image.ts';

const arch = 'ppc64le';
const lack = archWord() === arch ? `a machine that is not ${arch}` : lackFor(arch);

describe.skipIf(lack !== undefined)(lack === undefined ? arch : `${arch} (needs ${lack})`, () => {
  let site: CrossSite;
  beforeAll(async () => {
    site = await CrossSite.open(true);
  }, 60_000);
  afterAll(() => site.close());

  it('is built on another machine, and boots to the hello of its agent', async () => {
    await site.define('power', arch);
    const first = await site.command('genimage', ['power'], { timeoutMs: 900_000 });
    if (first.exit !== 0) {
      // Mirrors of updates are at times not in step for one architecture. Then the release alone, which pkgdir says.
      expect(first.stderr).toContain('The lists of packages could not be fetched');
      const main = 'http://deb.debian.org/debian bookworm main';
      await site.done('chdef', '-t', 'osimage', '-o', 'power', `pkgdir=${main}`);
      await site.done('genimage', 'power');
    }
    // EM_PPC64
    expect(readFileSync(join(site.dir, 'power/rootimg/usr/bin/node')).readUInt16LE(18)).toBe(21);
    await site.done('packimage', 'power');
    expect((await site.done('hostler', 'image', 'test', 'power')).stdout).toMatch(/hello/);
    // By the image's own openssl, which is no program of this machine.
    expect(await consolesOf(join(site.manager.home, 'agent'))).toContain('the signature of the image is right');
  }, 1_200_000);
});
