import { appendFileSync, cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lsnim } from './lsnim.ts';
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
  rmitab: (argv) => {
    const file = path('etc', 'inittab');
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    const kept = lines.filter((line) => line !== '' && !line.startsWith(`${argv[0] ?? ''}:`));
    writeFileSync(file, kept.map((line) => `${line}\n`).join(''));
    return '';
  },
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
  /** A running AIX makes itself a client, or writes its niminfo anew. */
  niminit: (argv) => {
    const given = Object.fromEntries(valuesOf(argv));
    for (const name of ['name', 'master'])
      if ((given[name] ?? '') === '')
        throw new NimError('0042-021', 'niminit', `the "${name}" attribute is required for this operation`, {
          bare: true,
        });
    const name = given['name'] ?? '';
    checkName(name, 'niminit');
    mkdirSync(path('etc'), { recursive: true });
    writeFileSync(
      path('etc', `niminfo.${name}`),
      `export NIM_NAME=${name}\nexport NIM_MASTER_HOSTNAME=${given['master'] ?? ''}\nexport NIM_CONFIGURATION=standalone\n`,
    );
    update((db) => {
      const before = db.objects[name];
      if (before !== undefined && before.class !== 'machines')
        throw new NimError('0042-032', 'niminit', `object name must be unique: "${name}"`, { bare: true });
      if (before === undefined) {
        const network = Object.values(db.objects).find((object) => object.class === 'networks')?.name ?? '';
        const attrs = { connect: given['connect'] ?? 'shell', platform: 'chrp', netboot_kernel: '64' };
        const state = { Cstate: ready, prev_state: ready, Mstate: 'currently running' };
        db.objects[name] = {
          name,
          class: 'machines',
          type: 'standalone',
          attrs: { class: 'machines', type: 'standalone', ...attrs, if1: `${network} ${name} 0`, ...state },
          allocated: [],
          members: [],
        };
      } else if (given['connect'] !== undefined) before.attrs['connect'] = given['connect'];
    });
    return 'nimsh:2:wait:/usr/bin/startsrc -g nimclient >/dev/console 2>&1\n';
  },
  /** -c: SSL; -l: lists through the master; -p and -P allow and forbid pushes. */
  nimclient: (argv) => {
    const [option = ''] = argv;
    const name = process.env['NIM_NAME'] ?? '';
    if (option === '-l') return lsnim(argv);
    if (option === '-c') {
      if (!existsSync(path('state', 'ssl')))
        throw new NimError(free.wrongState, 'nimclient', 'the master is not configured for SSL', { bare: true });
      return '';
    }
    if (option !== '-p' && option !== '-P')
      throw new NimError(free.usage, 'nimclient', `this stand-in does not do "${option}"`, { bare: true, exit: 2 });
    update((db) => {
      const client = need(db.objects, name, 'nimclient', true);
      if (option === '-P') client.attrs['control'] = `${name} push_off`;
      else delete client.attrs['control'];
    });
    return '';
  },
  /** What is asked for must lie in the folder; what was put in place is noted, as a test may want to know. */
  installp: (argv) => installed('installp', argv, (folder, name) => existsSync(join(folder, name))),
  emgr: (argv) => installed('emgr', argv, (_folder, name) => existsSync(name)),
  rpm: (argv) => {
    const names = argv.filter((word) => !word.startsWith('-'));
    if (argv.includes('--test'))
      return names.every((name) => existsSync(name))
        ? ''
        : notThere(
            'rpm',
            names.find((name) => !existsSync(name)),
          );
    return installed('rpm', argv, (_folder, name) => existsSync(name));
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

function valuesOf(argv: readonly string[]): [string, string][] {
  return argv.flatMap((word, index): [string, string][] => {
    const at = word.indexOf('=');
    return argv[index - 1] === '-a' && at > 0 ? [[word.slice(0, at), word.slice(at + 1)]] : [];
  });
}

function notThere(program: string, name: string | undefined): never {
  throw new NimError('0503-901', program, `"${name ?? ''}" is not there`, { bare: true });
}

function installed(program: string, argv: readonly string[], there: (folder: string, name: string) => boolean): string {
  const folder = argv[argv.indexOf('-d') + 1] ?? '';
  const names = argv.filter((word, index) => !word.startsWith('-') && argv[index - 1] !== '-d');
  for (const name of names) if (!there(folder, name)) notThere(program, name);
  appendFileSync(path('state', 'installed'), names.map((name) => `${program} ${name}\n`).join(''));
  return names.map((name) => `${name} SUCCESS\n`).join('');
}
