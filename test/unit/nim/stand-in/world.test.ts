import { existsSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { machine, stage, type Stage } from '../../../nim/support/stage.ts';

// Behaviours 24 to 34 of the NIM facts, section 15: clients, files, languages, full disks, and the programs around NIM.

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

const bos = 'nim -o bos_inst -a spot=spot1 -a lpp_source=lpp1';

test.concurrent(
  '24, 25: a client out of reach is a warning; boot files come and go with the operations',
  () =>
    on(async (one) => {
      await one.images();
      await one.well(machine('n1'));
      one.set({ unreachable: ['n1'] });
      const said = await one.run(`${bos} n1`);
      expect(said.exit).toBe(0);
      expect(said.err).toContain('0042-006 m_bos_inst: warning: ');
      expect(one.read('etc/bootptab')).toMatch(/^n1:.*:ha=001122334455:sa=/m);
      expect(readlinkSync(join(one.dir, 'tftpboot/n1'))).toBe('spot1.chrp.64.ent');
      expect(one.read('tftpboot/n1.info')).toContain('export NIM_CONFIGURATION=standalone\n');
      expect(one.read('etc/exports')).toContain('access=n1');
      await one.well('nim -Fo reset n1', 'nim -Fo deallocate -a subclass=all n1');
      expect([one.read('etc/bootptab'), one.read('etc/exports')]).toEqual(['', '']);
      expect(existsSync(join(one.dir, 'tftpboot/n1.info'))).toBe(false);
      expect((await one.run(`${bos} -a boot_client=no n1`)).err).toBe('');
    }),
  slow,
);

test.concurrent(
  '26: a machine boots, moves through its states, and ends in success or failure',
  () =>
    on(async (one) => {
      await one.images();
      await one.well(machine('n1'), machine('n2'), `${bos} -a boot_client=no n1`, `${bos} -a boot_client=no n2`);
      await one.well('nim-client boot n1', "nim-client progress n1 'BOS install 40% complete : x=y'");
      const during = await one.well('lsnim -l n1');
      expect(during).toMatch(/Cstate +=.*installation is being performed\n/);
      expect(during).toMatch(/Mstate +=.*in the process of booting\n/);
      expect(during).toMatch(/info +=.*BOS install 40% complete : x=y\n/);
      await one.well('nim-client succeed n1', 'nim-client boot n2', "nim-client fail n2 'no disk'");
      expect(await one.well('lsnim -a Cstate -a Cstate_result -a info -a spot n1')).toBe(
        'n1:\n   Cstate = ready for a NIM operation\n   Cstate_result = success\n',
      );
      expect(await one.well('lsnim -a Cstate_result -a err_info -a spot n2')).toBe(
        'n2:\n   Cstate_result = failure\n   err_info = no disk\n   spot = spot1\n',
      );
    }),
  slow,
);

test.concurrent(
  '29: another language swaps the words and keeps numbers and names',
  () =>
    on(async (one) => {
      const text = (await one.run('lsnim nosuch', { LC_ALL: 'de_DE.UTF-8' })).err;
      expect(text).toMatch(/^0042-053 lsnim: /);
      expect(text).toContain('"nosuch"');
      expect(text).not.toContain('there is no NIM object');
      expect((await one.run('lsnim -l master', { LC_ALL: 'de_DE' })).out).not.toContain('ready for a NIM operation');
    }),
  slow,
);

test.concurrent(
  '30: a full file system leaves a SPOT half-built; the file size limit ends a backup',
  () =>
    on(async (one, root) => {
      await one.images();
      one.set({ fullPaths: [`${root}/spot`], limitedPaths: [`${root}/mk`] });
      const spot = await one.run(`nim -o define -t spot -a server=master -a location=${root}/spot -a source=lpp1 s2`);
      expect(spot.err).toMatch(/0042-175 c_instspot: .*not enough free disk/s);
      expect(await one.well('lsnim -a Rstate s2')).toContain('unavailable');
      await one.well(machine('n1'));
      const mksysb = `nim -o define -t mksysb -a server=master -a location=${root}/mk1 -a source=n1 -a mk_image=yes mk1`;
      expect((await one.run(mksysb)).err).toMatch(/0042-175 c_mkbosi: .*ulimit/s);
      expect((await one.well(`df -m ${root}/spot`)).split('\n')[1]?.split(/\s+/)[2]).toBe('10.00');
      expect((await one.run(`chfs -a size=+100M ${root}/spot`)).exit).not.toBe(0);
    }),
  slow,
);

test.concurrent(
  '31: masters side by side share nothing',
  () =>
    on(async (one, root) => {
      const other = await stage({ root, name: 'sn1', bare: true });
      expect((await other.run('lsnim')).exit).not.toBe(0);
      await other.well('nimconfig -a pif_name=en0 -a netname=sn_net');
      await one.well(machine('n1'));
      expect(await other.well('lsnim')).not.toContain('n1');
      expect(await one.well('lsnim')).not.toContain('sn_net');
      expect(other.calls()).toHaveLength(3);
    }),
  slow,
);

test.concurrent(
  '32, 33: noise on standard error with exit 0; every call is recorded as it was',
  () =>
    on(async (one) => {
      one.set({ noise: 'exportfs: unknown host x' });
      expect(await one.run('lsnim -t spot')).toEqual({ exit: 0, out: '', err: 'exportfs: unknown host x\n' });
      await one.run("nim -o change -a 'comments=a  b' nosuch");
      const [, , last] = one.calls();
      expect(last).toMatchObject({
        program: 'nim',
        argv: ['-o', 'change', '-a', 'comments=a  b', 'nosuch'],
        locale: 'C',
      });
    }),
  slow,
);

test.concurrent(
  '34: the programs around NIM',
  () =>
    on(async (one, root) => {
      await one.images();
      await one.well(
        `cpcosi -c spot1 -l ${root}/spot spot2`,
        `inutoc ${root}/lpp1/installp/ppc`,
        'chnfsdom cluster.test',
      );
      expect(await one.well('lsnim -a location spot2')).toContain(`${root}/spot/spot2/usr`);
      expect(existsSync(`${root}/lpp1/installp/ppc/.toc`)).toBe(true);
      expect(await one.well('chnfsdom')).toContain('cluster.test');
      // SRC and inittab
      expect(await one.well('stopsrc -s inetd', 'lssrc -s inetd')).toContain('inoperative');
      expect(await one.well('startsrc -s inetd', 'lssrc -s inetd')).toMatch(/0513-059 .*\n.*\n.* active/);
      await one.well("mkitab 'x:2:once:/usr/bin/true'");
      expect(await one.well('lsitab x')).toBe('x:2:once:/usr/bin/true\n');
      await one.well('rmitab x');
      expect((await one.run('lsitab x')).exit).not.toBe(0);
      // A client that makes itself one, and speaks SSL when the master does.
      await one.well('niminit -a name=n7 -a master=mn -a connect=nimsh');
      expect(one.read('etc/niminfo.n7')).toContain('export NIM_NAME=n7\n');
      expect(await one.well('lsnim -a connect n7')).toContain('nimsh');
      expect((await one.run('nimclient -c')).exit).not.toBe(0);
      expect(await one.well('nimquery -a host=n7')).toMatch(/^host:n7:.*:_ssl:no:/);
      await one.well('nimconfig -c', 'nimclient -c');
      expect(await one.well('nimquery -a host=n7')).toContain('_ssl:yes');
      expect((await one.run('nimclient -P', { NIM_NAME: 'n7' })).exit).toBe(0);
      expect(await one.well('lsnim -a control n7')).toContain('n7 push_off');
      // Installers
      await one.well(`installp -abgQXY -d ${root}/media bos.rte`, `rpm --test -Uvh ${root}/media/bos.rte`);
      expect((await one.run(`installp -abgQXY -d ${root}/media nosuch`)).exit).not.toBe(0);
      expect((await one.run(`emgr -e ${root}/media/nosuch.epkg.Z`)).exit).not.toBe(0);
      expect(one.read('state/installed')).toBe('installp bos.rte\n');
      expect(await one.well('oslevel -r')).toMatch(/^7200-05/);
    }),
  slow,
);
