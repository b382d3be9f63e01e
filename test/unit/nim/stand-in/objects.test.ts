import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machine, stage, type Stage } from '../../../nim/support/stage.ts';

// Behaviours 1 to 12 of the NIM facts, section 15: what a master lets be defined, changed and removed.

/** Many programs are started, on a machine that may be busy. */
const slow = 60_000;

async function on(work: (one: Stage, root: string) => Promise<void>, options = {}): Promise<void> {
  const one = await stage(options);
  try {
    await work(one, join(one.dir, '..'));
  } finally {
    one.close();
  }
}

const wrapped = (id: string, method: string): RegExp =>
  new RegExp(`^0042-001 nim: processing error encountered on "[^"]+":\\n   ${id} ${method}: `);

test.concurrent(
  '1: nothing works before the master is set up, and it is set up once',
  () =>
    on(
      async (one) => {
        expect(await one.run('lsnim -l')).toMatchObject({ exit: 1, out: '' });
        expect(await one.run(machine('n1'))).toMatchObject({ exit: 1 });
        await one.well('nim_master_setup -a mk_resource=no');
        expect((await one.run('nim_master_setup -a mk_resource=no')).exit).not.toBe(0);
        expect(await one.well('lsnim')).toContain('nim_script');
      },
      { bare: true },
    ),
  slow,
);

test.concurrent(
  '2: names of 1 to 39 characters, and no dot',
  () =>
    on(async (one) => {
      for (const name of ['a.b', 'n'.repeat(40), 'a/b']) {
        const said = await one.run(machine(name));
        expect(said.exit).not.toBe(0);
        expect(said.err).toMatch(wrapped('0042-9\\d\\d', 'm_mkmac'));
      }
      await one.well(machine('n'.repeat(39)));
    }),
  slow,
);

test.concurrent(
  '3: names are unique over all classes',
  () =>
    on(async (one, root) => {
      await one.well(machine('n1'));
      const said = await one.run(`nim -o define -t root -a server=master -a location=${root}/n1 n1`);
      expect(said).toMatchObject({ exit: 1, out: '' });
      expect(said.err).toMatch(wrapped('0042-032', 'm_mkdir'));
    }),
  slow,
);

test.concurrent(
  '4: a location has one owner',
  () =>
    on(async (one, root) => {
      await one.well(`nim -o define -t root -a server=master -a location=${root}/r r1`);
      const said = await one.run(`nim -o define -t root -a server=master -a location=${root}/r r2`);
      expect(said.err).toMatch(wrapped('0042-081', 'm_mkdir'));
      expect(said.err).toContain('already exists');
    }),
  slow,
);

test.concurrent(
  '5: lsnim does not know the object: its own message, unwrapped, and an exit code that can be switched',
  () =>
    on(async (one) => {
      const said = await one.run('lsnim -l nosuch');
      expect(said).toEqual({ exit: 53, out: '', err: '0042-053 lsnim: there is no NIM object named "nosuch"\n' });
      one.set({ missingExit: 1 });
      expect((await one.run('lsnim nosuch')).exit).toBe(1);
    }),
);

test.concurrent(
  '6: nim does not know the object, as target or as a value',
  () =>
    on(async (one) => {
      await one.well(machine('n1'));
      expect((await one.run('nim -o remove nosuch')).err).toContain('0042-053');
      expect((await one.run('nim -o allocate -a spot=nosuch n1')).err).toContain('0042-053');
    }),
  slow,
);

test.concurrent(
  '7: a required attribute is missing',
  () =>
    on(async (one) => {
      const said = await one.run('nim -o define -t standalone n1');
      expect(said.exit).toBe(1);
      expect(said.err).toMatch(wrapped('0042-021', 'm_mkmac'));
      expect(said.err).toContain('the "if" attribute is required');
    }),
  slow,
);

test.concurrent(
  '8: attributes that nobody knows, that are given twice, or that have no value',
  () =>
    on(async (one) => {
      const start = "nim -o define -t standalone -a 'if1=lan n1 0'";
      for (const more of ['-a colour=red', '-a connect=nimsh -a connect=shell', '-a connect'])
        expect((await one.run(`${start} ${more} n1`)).exit).not.toBe(0);
      expect((await one.run('nim -o define -t standalone -a if1=lan n1')).exit).not.toBe(0);
      expect(await one.well('lsnim -c machines')).toBe('master     machines       master\n');
    }),
  slow,
);

test.concurrent(
  '9, 10, 11, 12: what is in use is neither removed nor changed, whatever the force',
  () =>
    on(async (one, root) => {
      await one.images();
      await one.well(
        machine('n1', 'diskless'),
        `nim -o define -t shared_root -a server=master -a location=${root}/sr -a spot=spot1 sr1`,
        `nim -o define -t paging -a server=master -a location=${root}/pg paging1`,
      );
      // 12: the shared root names the SPOT, the interface names the network.
      expect((await one.run('nim -o remove spot1')).exit).not.toBe(0);
      expect((await one.run('nim -o remove lan')).exit).not.toBe(0);
      await one.well('nim -o dkls_init -a spot=spot1 -a shared_root=sr1 -a paging=paging1 n1');
      // 9
      const resource = await one.run('nim -o remove paging1');
      expect(resource.err).toBe(
        '0042-001 nim: processing error encountered on "master":\n   0042-061 m_rmpdir: the "paging1" resource is currently\n      allocated for client use\n',
      );
      expect((await one.run('nim -Fo remove paging1')).err).toContain('0042-061');
      // 10
      expect((await one.run('nim -Fo remove n1')).err).toMatch(wrapped('0042-052', 'm_rmmac'));
      // 11
      expect((await one.run('nim -Fo change -a comments=x paging1')).exit).not.toBe(0);
      one.set({ forceRemovesAllocated: true });
      await one.well('nim -Fo remove paging1');
      expect(existsSync(`${root}/pg`)).toBe(true);
    }),
  slow,
);
