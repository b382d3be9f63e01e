import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { free, NimError } from './messages.ts';
import { checkName, need, ready, setState } from './objects.ts';
import { deallocate, recount } from './clients.ts';
import { behaviour, path, pause, read, update } from './state.ts';

/** 34: the programs around NIM, as far as its callers use them. Each returns what goes to stdout. */
export const companions: Readonly<Record<string, (argv: readonly string[]) => string | Promise<string>>> = {
  /** cpcosi -c SPOT -l DIR NEW */
  cpcosi: async (argv) => {
    const from = argv[argv.indexOf('-c') + 1] ?? '';
    const folder = argv[argv.indexOf('-l') + 1] ?? '';
    const name = argv.at(-1) ?? '';
    const spot = need(read().objects, from, 'cpcosi', true);
    checkName(name, 'cpcosi');
    if (read().objects[name])
      throw new NimError('0042-032', 'cpcosi', `object name must be unique: "${name}"`, { bare: true });
    await pause(behaviour().spotSeconds);
    const usr = join(folder, name, 'usr');
    mkdirSync(dirname(usr), { recursive: true });
    if (existsSync(spot.attrs['location'] ?? '')) cpSync(spot.attrs['location'] ?? '', usr, { recursive: true });
    update((db) => {
      db.objects[name] = {
        name,
        class: 'resources',
        type: 'spot',
        attrs: { ...spot.attrs, location: usr, alloc_count: '0' },
        allocated: [],
        members: [],
      };
    });
    return '';
  },
  inutoc: (argv) => {
    const folder = argv[0] ?? '';
    if (!existsSync(folder)) throw new NimError('0503-901', 'inutoc', `${folder} does not exist`, { bare: true });
    writeFileSync(join(folder, '.toc'), '0 0000000000 2\n');
    return '';
  },
  chnfsdom: (argv) => {
    if (argv[0] === undefined)
      return existsSync(path('state', 'nfsdomain'))
        ? `Current local domain: ${readFileSync(path('state', 'nfsdomain'), 'utf8')}\n`
        : '';
    writeFileSync(path('state', 'nfsdomain'), argv[0]);
    return '';
  },
  lssrc: (argv) => {
    const name = argv[argv.indexOf('-s') + 1] ?? '';
    const state = existsSync(path('state', `src.${name}`))
      ? readFileSync(path('state', `src.${name}`), 'utf8')
      : 'active';
    return `Subsystem         Group            PID          Status \n ${name.padEnd(17)}tcpip            ${state === 'active' ? '4129030     ' : '            '} ${state}\n`;
  },
  startsrc: (argv) => {
    const name = argv[argv.indexOf('-s') + 1] ?? '';
    writeFileSync(path('state', `src.${name}`), 'active');
    return `0513-059 The ${name} Subsystem has been started. Subsystem PID is 4129030.\n`;
  },
  stopsrc: (argv) => {
    const name = argv[argv.indexOf('-s') + 1] ?? '';
    writeFileSync(path('state', `src.${name}`), 'inoperative');
    return `0513-044 The ${name} Subsystem was requested to stop.\n`;
  },
  refresh: (argv) =>
    `0513-095 The request for subsystem refresh was completed successfully. ${argv[argv.indexOf('-s') + 1] ?? ''}\n`,
  mkitab: (argv) => {
    appendFileSync(path('etc', 'inittab'), `${argv.at(-1) ?? ''}\n`);
    return '';
  },
  lsitab: (argv) => {
    const line = existsSync(path('etc', 'inittab'))
      ? readFileSync(path('etc', 'inittab'), 'utf8')
          .split('\n')
          .find((text) => text.startsWith(`${argv[0] ?? ''}:`))
      : undefined;
    if (line === undefined)
      throw new NimError('0481-901', 'lsitab', `the record ${argv[0] ?? ''} does not exist`, { bare: true });
    return `${line}\n`;
  },
  rmitab: () => '',
  chfs: (argv) => {
    const target = argv.at(-1) ?? '';
    if (behaviour().fullPaths.some((prefix) => target.startsWith(prefix)))
      throw new NimError(
        '0516-404',
        'allocp',
        'This system cannot fulfill the allocation request. There are not enough free partitions.',
        { bare: true },
      );
    return `Filesystem size changed to 41943040\n`;
  },
  /** -m: sizes in MB; column 3 free, 7 mount point (facts, section 14). */
  df: (argv) => {
    const target = argv.at(-1) ?? '/';
    const free = behaviour().fullPaths.some((prefix) => target.startsWith(prefix)) ? '10.00' : '51200.00';
    return `Filesystem    MB blocks      Free %Used    Iused %Iused Mounted on\n/dev/fslv00   102400.00  ${free}   50%    12345     1% ${target}\n`;
  },
  lslpp: () => '#Fileset:Level\nbos.sysmgt.nim.master:7.2.5.0\n',
  oslevel: () => `${behaviour().oslevel}-01-1543\n`,
  ulimit: () => (behaviour().limitedPaths.length > 0 ? '2097151\n' : 'unlimited\n'),
  /** 26, for tests only: nim-client boot|progress|succeed|fail NAME [TEXT]: what the machine itself would do. */
  'nim-client': (argv) => {
    const [action = '', name = '', text = ''] = argv;
    const machine = need(read().objects, name, 'nim-client', true);
    update((db) => {
      const client = need(db.objects, name);
      if (action === 'boot') {
        if (client.type === 'standalone') {
          if (client.attrs['Cstate'] !== 'BOS installation has been enabled')
            throw new NimError(free.wrongState, 'nim-client', 'nothing to boot', { bare: true });
          setState(client, 'Base Operating System installation is being performed');
          client.attrs['Mstate'] = 'in the process of booting';
        } else client.attrs['Mstate'] = 'currently running';
      } else if (action === 'progress') client.attrs['info'] = text;
      else if (action === 'fail') Object.assign(client.attrs, { Cstate_result: 'failure', err_info: text });
      else if (action === 'succeed') {
        delete client.attrs['info'];
        Object.assign(client.attrs, { Mstate: 'currently running', Cstate_result: 'success' });
        setState(client, ready);
      } else throw new NimError(free.usage, 'nim-client', 'boot, progress, succeed or fail', { bare: true });
    });
    // 16: success gives the resources back; failure does not.
    if (action === 'succeed' && machine.type === 'standalone')
      deallocate(
        { op: 'deallocate', force: false, type: undefined, attrs: [['subclass', 'all']], objects: [name] },
        name,
      );
    update((db) => {
      recount(db.objects);
    });
    return '';
  },
};
