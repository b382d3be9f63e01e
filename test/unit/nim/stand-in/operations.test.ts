import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machine, stage, type Stage } from '../../../nim/support/stage.ts';

// Behaviours 13 to 21 and 28 of the NIM facts, section 15: installations, diskless machines, long work.

/** Many programs are started, on a machine that may be busy. */
const slow = 60_000;

async function on(work: (one: Stage, root: string) => Promise<void>): Promise<void> {
  const one = await stage();
  try {
    await work(one, join(one.dir, '..'));
  } finally {
    one.close();
  }
}

const state = async (one: Stage, attribute: string, name: string): Promise<string> =>
  (await one.well(`lsnim -a ${attribute} ${name}`)).replace(/^[^=]*= /, '').trim();

async function until(what: () => boolean): Promise<void> {
  for (let tries = 0; tries < 500; tries += 1) {
    if (what()) return;
    await new Promise((done) => setTimeout(done, 20));
  }
  throw new Error(`not within 10 s: ${what.toString()}`);
}

test.concurrent(
  '13, 14: an installation wants a ready standalone machine and all that its source needs',
  () =>
    on(async (one, root) => {
      await one.images();
      await one.well(machine('n1'), machine('n2', 'diskless'));
      const bos = 'nim -o bos_inst -a boot_client=no';
      for (const line of [
        `${bos} -a spot=spot1 n1`,
        `${bos} -a lpp_source=lpp1 n1`,
        `${bos} -a source=mksysb -a spot=spot1 n1`,
        `${bos} -a spot=spot1 -a lpp_source=lpp1 n2`,
        `${bos} -a spot=lpp1 -a lpp_source=lpp1 n1`,
      ])
        expect((await one.run(line)).exit, line).not.toBe(0);
      one.set({ simages: false });
      await one.well(
        `nim -o define -t lpp_source -a server=master -a location=${root}/lpp2 -a source=${root}/media lpp2`,
      );
      expect((await one.run(`${bos} -a spot=spot1 -a lpp_source=lpp2 n1`)).err).toContain('simages');
      await one.well(`${bos} -a spot=spot1 -a lpp_source=lpp1 n1`);
      // Not ready any more; force follows a switch.
      expect((await one.run(`${bos} -a spot=spot1 -a lpp_source=lpp1 n1`)).exit).not.toBe(0);
      expect((await one.run(`nim -Fo bos_inst -a boot_client=no -a spot=spot1 -a lpp_source=lpp1 n1`)).exit).not.toBe(
        0,
      );
      one.set({ forceOverridesState: true });
      await one.well('nim -Fo bos_inst -a boot_client=no -a spot=spot1 -a lpp_source=lpp1 n1');
    }),
  slow,
);

test.concurrent(
  '15, 17: a diskless machine wants SPOT, paging and one root; its folders go with its resources',
  () =>
    on(async (one, root) => {
      await one.images();
      const folder = (type: string, more = ''): string =>
        `nim -o define -t ${type} -a server=master -a location=${root}/${type}${more} ${type}1`;
      await one.well(
        machine('n1', 'diskless'),
        machine('n2'),
        folder('root'),
        folder('paging'),
        folder('shared_root', ' -a spot=spot1'),
      );
      const init = 'nim -o dkls_init -a spot=spot1';
      for (const line of [
        `${init} -a root=root1 n1`,
        `${init} -a paging=paging1 n1`,
        `${init} -a paging=paging1 -a root=root1 -a shared_root=shared_root1 n1`,
        'nim -o dkls_init -a paging=paging1 -a root=root1 n1',
        `${init} -a paging=paging1 -a root=root1 n2`,
        `${init} -a paging=paging1 -a root=root1 -a configdump=selective n1`,
      ])
        expect((await one.run(line)).exit, line).not.toBe(0);
      await one.well(`${init} -a paging=paging1 -a root=root1 -a size=64 n1`);
      expect(await state(one, 'Cstate', 'n1')).toBe('diskless or dataless boot is enabled');
      expect(existsSync(`${root}/paging/n1/swapnfs0`) && existsSync(`${root}/root/n1/etc`)).toBe(true);
      await one.well('nim -Fo reset n1', 'nim -Fo deallocate -a subclass=all n1');
      expect(existsSync(`${root}/paging/n1`) || existsSync(`${root}/root/n1`)).toBe(false);
    }),
  slow,
);

test.concurrent(
  '16: allocations are counted for each client once, and end with a success only',
  () =>
    on(async (one) => {
      await one.images();
      await one.well(machine('n1'), machine('n2'));
      const count = (): Promise<string> => state(one, 'alloc_count', 'spot1');
      await one.well('nim -o allocate -a spot=spot1 n1', 'nim -o allocate -a spot=spot1 n1');
      expect(await count()).toBe('1');
      const bos = 'nim -o bos_inst -a boot_client=no -a spot=spot1 -a lpp_source=lpp1';
      await one.well(`${bos} n1`, `${bos} n2`);
      expect(await count()).toBe('2');
      await one.well('nim -o reset n1');
      expect([await count(), await state(one, 'control', 'n1')]).toEqual(['2', 'master']);
      await one.well('nim -o deallocate -a subclass=all n1', 'nim-client boot n2', 'nim-client fail n2 lost');
      expect(await count()).toBe('1');
      await one.well('nim-client succeed n2');
      expect(await count()).toBe('0');
      expect(await one.well('lsnim -a control n2')).toBe('n2:\n');
    }),
  slow,
);

test.concurrent(
  '18, 19: a SPOT takes its time; while it is built nobody else works on it; a polite end is told',
  () =>
    on(async (one, root) => {
      await one.images();
      one.set({ spotSeconds: 60 });
      const build = (name: string): ReturnType<Stage['begin']> =>
        one.begin(`nim -o define -t spot -a server=master -a location=${root}/spot -a source=lpp1 ${name}`);
      const polite = build('spot2');
      const hard = build('spot3');
      const progress = (name: string): string => `${root}/spot/${name}/usr/lpp/bos/inst_root/etc`;
      await until(() => existsSync(progress('spot2')) && existsSync(progress('spot3')));
      expect(await state(one, 'Rstate', 'spot2')).toBe('unavailable for use');
      expect((await one.run('nim -Fo check spot2')).exit).not.toBe(0);
      expect((await one.run('nim -Fo remove spot2')).exit).not.toBe(0);
      polite.process.kill('SIGTERM');
      hard.process.kill('SIGKILL');
      const [ended, killed] = await Promise.all([polite.ended, hard.ended]);
      expect(ended.err).toMatch(/^0042-002 nim: /);
      expect(ended.out).toContain('Restoring files from BOS image');
      expect(ended.exit).not.toBe(0);
      expect(killed).toMatchObject({ exit: null, err: '' });
      for (const name of ['spot2', 'spot3']) {
        expect(await state(one, 'Rstate', name)).toBe('unavailable for use');
        expect(existsSync(`${root}/spot/${name}/usr`)).toBe(true);
      }
      // Nobody holds them any more: the ladder's last step works.
      await one.well('nim -Fo reset spot2', 'nim -Fo remove spot2', 'nim -Fo remove spot3');
      expect(existsSync(`${root}/spot/spot2`)).toBe(false);
    }),
  slow,
);

test.concurrent(
  '20: two who show the same resource at once',
  () =>
    on(async (one) => {
      await one.images();
      one.set({ showSeconds: 60 });
      const first = one.begin('nim -o showres spot1');
      try {
        await until(() => one.read('state/db.json').includes('"op": "showres"'));
        const second = await one.run('nim -o showres spot1');
        expect(second.exit).toBe(1);
        expect(second.err).toContain('0042-207 m_showres');
      } finally {
        first.process.kill('SIGKILL');
        await first.ended;
      }
      one.set({ showSeconds: 0 });
      expect(await one.well('nim -o showres -a lslpp_flags=Lc spot1')).toContain('bos:bos.rte:7.2.5.0');
    }),
  slow,
);

test.concurrent(
  '21: a SPOT lies at NAME/usr; an lpp_source without all images is made with a warning',
  () =>
    on(async (one, root) => {
      await one.images();
      expect(await one.well('lsnim -a location spot1')).toBe(`spot1:\n   location = ${root}/spot/spot1/usr\n`);
      expect(await one.well('lsnim -a simages lpp1')).toBe('lpp1:\n   simages = yes\n');
      one.set({ simages: false });
      const said = await one.run(
        `nim -o define -t lpp_source -a server=master -a location=${root}/lpp2 -a source=${root}/media lpp2`,
      );
      expect(said.exit).toBe(0);
      expect(said.err).toContain('warning: ');
      expect(await one.well('lsnim -a simages lpp2')).toBe('lpp2:\n');
    }),
  slow,
);

test.concurrent(
  '27, 28: a mksysb wants a running client; its SPOT serves it alone, and none is newer than the master',
  () =>
    on(async (one, root) => {
      await one.images();
      await one.well(machine('n1'));
      const backup = `nim -o define -t mksysb -a server=master -a location=${root}/mk1 -a source=n1 -a mk_image=yes mk1`;
      one.set({ unreachable: ['n1'] });
      const said = await one.run(backup);
      expect(said.exit).toBe(1);
      expect(said.err).toMatch(/0042-001 nim: .*\n +0042-175 c_mkbosi: /);
      expect((await one.run('lsnim mk1')).exit).not.toBe(0);
      one.set({ unreachable: [], oslevel: '7300-01' });
      await one.well(backup);
      const spot = `nim -o define -t spot -a server=master -a location=${root}/spot -a source=mk1 spotmk`;
      one.set({ oslevel: '7200-05' });
      expect((await one.run(spot)).exit).not.toBe(0);
      one.set({ oslevel: '7300-01' });
      await one.well(spot);
      expect(await one.well('lsnim -a mksysb_source spotmk')).toContain('mksysb_source = mk1');
      expect((await one.run('nim -Fo cust -a lpp_source=lpp1 spotmk')).exit).not.toBe(0);
      await one.well('nim -Fo cust -a lpp_source=lpp1 spot1');
    }),
);
