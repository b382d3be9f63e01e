import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { free, NimError } from './messages.ts';
import { need } from './objects.ts';
import { behaviour, path, pause, read, update, type NimObject } from './state.ts';

function pairs(argv: readonly string[]): Record<string, string> {
  const values: Record<string, string> = {};
  argv.forEach((word, index) => {
    if (word !== '-a') return;
    const [key = '', ...rest] = (argv[index + 1] ?? '').split('=');
    values[key] = rest.join('=');
  });
  return values;
}

/** The objects that every configured master has (facts, section 1). */
function configure(network: string): void {
  update((db) => {
    if (db.configured)
      throw new NimError(free.notAllowed, 'nimconfig', 'this machine has already been configured as a NIM master', {
        bare: true,
      });
    db.configured = true;
    const add = (name: string, objectClass: NimObject['class'], type: string, attrs: Record<string, string>): void => {
      db.objects[name] = {
        name,
        class: objectClass,
        type,
        attrs: { class: objectClass, type, ...attrs },
        allocated: [],
        members: [],
      };
    };
    add('master', 'machines', 'master', {
      max_nimesis_threads: '20',
      comments: 'machine which controls the NIM environment',
      platform: 'chrp',
      netboot_kernel: '64',
      if1: `${network} master 0`,
      cable_type1: 'N/A',
      Cstate: 'ready for a NIM operation',
      prev_state: 'ready for a NIM operation',
      Mstate: 'currently running',
      serves: 'boot',
      master_port: '1058',
      registration_port: '1059',
    });
    add('boot', 'resources', 'boot', {
      Rstate: 'ready for use',
      location: '/tftpboot',
      alloc_count: '0',
      server: 'master',
      reserved: 'yes',
    });
    add('nim_script', 'resources', 'nim_script', {
      Rstate: 'ready for use',
      location: '/export/nim/scripts',
      alloc_count: '0',
      server: 'master',
      reserved: 'yes',
    });
    add(network, 'networks', 'ent', {
      Nstate: 'ready for use',
      prev_state: "information is missing from this object's definition",
      net_addr: '10.0.0.0',
      snm: '255.255.255.0',
      routing1: 'default 10.0.0.254',
    });
  });
  mkdirSync(path('etc'), { recursive: true });
  writeFileSync(
    path('etc/niminfo'),
    'export NIM_NAME=master\nexport NIM_HOSTNAME=master\nexport NIM_CONFIGURATION=master\nexport NIM_MASTER_PORT=1058\n',
  );
}

export async function masterSetup(argv: readonly string[]): Promise<void> {
  const values = pairs(argv);
  const device = values['device'];
  if (device?.startsWith('/') === true && !device.startsWith('/dev/') && !existsSync(device))
    throw new NimError('0042-154', 'nim_master_setup', `the file or directory "${device}" does not exist`, {
      bare: true,
    });
  process.stdout.write(
    '\n######## NIM master setup ########\n\nInstalling NIM fileset bos.sysmgt.nim.master from device.\n',
  );
  await pause(behaviour().setupSeconds);
  if (read().configured)
    throw new NimError(free.notAllowed, 'nim_master_setup', 'the NIM master is already set up', { bare: true });
  configure('master_net');
  process.stdout.write('Defining NIM master...\n\nNIM master setup is complete - enjoy!\n');
}

export function nimConfig(argv: readonly string[]): void {
  if (argv.includes('-c')) {
    if (!read().configured)
      throw new NimError(free.notConfigured, 'nimconfig', 'this machine is not configured as a NIM master', {
        bare: true,
      });
    writeFileSync(path('state', 'ssl'), 'yes');
    return;
  }
  const values = pairs(argv);
  for (const name of ['pif_name', 'netname'])
    if (values[name] === undefined)
      throw new NimError('0042-021', 'nimconfig', `the "${name}" attribute is required for this operation`, {
        bare: true,
      });
  configure(values['netname'] ?? 'master_net');
}

/** One colon-joined line; `_ssl:yes` once the master and the client talk SSL (facts, section 7). */
export function nimQuery(argv: readonly string[]): string {
  const host = pairs(argv)['host'];
  if (host === undefined)
    throw new NimError('0042-021', 'nimquery', 'the "host" attribute is required for this operation', { bare: true });
  if (behaviour().unreachable.includes(host))
    throw new NimError('0042-006', 'nimquery', `(To_Client) connect Error 79 ${host}`, { bare: true });
  need(read().objects, host, 'nimquery', true);
  return `host:${host}:addr:10.0.0.9:mask:255.255.255.0:gtwy:10.0.0.254:_pif:en0:_ssl:${existsSync(path('state', 'ssl')) ? 'yes' : 'no'}:_psh:no:_res:yes:asyn:no:mac:001122334455:\n`;
}
