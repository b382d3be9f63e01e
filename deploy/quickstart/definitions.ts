import { readFileSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import type { LabNetwork } from '../lab/network.ts';
import { macOfTap } from '../lab/vm.ts';

/** What the quickstart defines: one network, one image, one node. */
export interface Definitions {
  readonly image: string;
  readonly node: string;
  readonly mac: string;
  readonly ip: string;
  readonly osvers: string;
  readonly arch: string;
  readonly rootimgdir: string;
  readonly installDir: string;
  /** Comes from nowhere but the image that this run builds. */
  readonly nonce: string;
  readonly postinstall: string;
  /** Names a file that not everybody may read: it must not lie in the image. */
  readonly synclist: string;
}

const node = 'n01';

export function plan(dir: string, network: LabNetwork, nonce: string): Definitions {
  if (process.arch !== 'x64') {
    throw new HostlerError(
      'failed_precondition',
      `The quickstart boots an x86-64 machine and builds its image here; this machine is ${process.arch}.`,
    );
  }
  const osvers = hostRelease();
  const arch = 'x86_64';
  const installDir = join(dir, 'install');
  return {
    image: `${osvers}-${arch}-netboot-compute`,
    node,
    mac: macOfTap(0),
    ip: network.address.replace(/\.\d+$/, '.11'),
    osvers,
    arch,
    installDir,
    rootimgdir: join(installDir, 'netboot', osvers, arch, 'compute'),
    nonce,
    postinstall: join(dir, 'files', 'nonce.postinstall'),
    synclist: join(dir, 'files', 'secret.synclist'),
  };
}

/** `debian12`: the image is made of what this machine's own package sources offer. */
function hostRelease(): string {
  const text = readFileSync('/etc/os-release', 'utf8');
  const value = (key: string): string => new RegExp(`^${key}="?([^"\\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  const version = value('VERSION_ID').split('.')[0] ?? '';
  if (value('ID') === 'debian' && version !== '') return `debian${version}`;
  throw new HostlerError(
    'failed_precondition',
    `The quickstart builds a Debian image from this machine's own package sources; this is ${value('PRETTY_NAME') || 'another system'}.`,
  );
}

/** The scripts that prove what ran: one in the image, two on the node. */
export async function writeScripts({ nonce, postinstall, installDir, synclist }: Definitions): Promise<void> {
  const postscripts = join(installDir, 'postscripts');
  await mkdir(join(postinstall, '..'), { recursive: true });
  await mkdir(postscripts, { recursive: true });
  await script(postinstall, [
    '# Runs on the build host; $1 is the folder of the image.',
    'set -eu',
    'mkdir -p "$1/opt/hostler/report.d"',
    `echo ${nonce} >"$1/opt/hostler/report.d/nonce"`,
  ]);
  await script(join(postscripts, 'quickstart-trace'), [
    '# Leaves a trace that the next script shows.',
    'echo "left by quickstart-trace on $(uname -n)" >/run/quickstart-trace',
  ]);
  await script(join(postscripts, 'quickstart-hello'), [
    '# Prints, to its log and to the serial console.',
    'set -eu',
    'text="quickstart: nonce $(cat /opt/hostler/report.d/nonce), trace $(cat /run/quickstart-trace)"',
    'echo "$text"',
    'echo "$text" >/dev/console',
    '# The file that not everybody may read was there before the first service started.',
    'came=$(systemctl show -P ExecMainExitTimestampMonotonic hostler-files.service)',
    'first=$(systemctl show -P ExecMainStartTimestampMonotonic ssh.service)',
    '[ "$(stat -c %a:%U /etc/quickstart.secret)" = 600:root ] && [ "${came:-0}" -gt 0 ] && [ "$came" -le "$first" ]',
    'echo "quickstart: the secret file came before ssh" >/dev/console',
  ]);
  const secret = join(postinstall, '..', 'quickstart.secret');
  await writeFile(secret, 'for root alone\n', { mode: 0o600 });
  await chmod(secret, 0o600);
  await writeFile(synclist, `${secret} -> /etc/quickstart.secret\n`);
}

async function script(path: string, lines: readonly string[]): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${lines.join('\n')}\n`);
  await chmod(path, 0o755);
}

/** The commands that a user would type. `share`: where the shipped package lists are. */
export function definingCommands(definitions: Definitions, network: LabNetwork, share: string): string[][] {
  const { image, mac, ip, osvers, arch, rootimgdir, postinstall, synclist } = definitions;
  const lists = join(share, 'netboot', 'debian');
  return [
    [
      'chdef',
      '-t',
      'site',
      'clustersite',
      `master=${network.address}`,
      'domain=cluster.test',
      `dhcpinterfaces=${network.bridge}`,
    ],
    [
      'mkdef',
      '-t',
      'network',
      'provision',
      `net=${network.net}`,
      `mask=${network.mask}`,
      `mgtifname=${network.bridge}`,
      `tftpserver=${network.address}`,
    ],
    [
      ...['mkdef', '-t', 'osimage', image, 'imagetype=linux', 'osname=Linux', `osvers=${osvers}`, `osarch=${arch}`],
      ...[
        'profile=compute',
        'provmethod=netboot',
        `pkglist=${join(lists, 'compute.pkglist')}`,
        `exlist=${join(lists, 'compute.exlist')}`,
      ],
      ...[`postinstall=${join(lists, 'compute.postinstall')},${postinstall}`, `rootimgdir=${rootimgdir}`],
      `synclists=${synclist}`,
    ],
    [
      ...[
        'mkdef',
        '-t',
        'node',
        definitions.node,
        'groups=all,compute',
        `arch=${arch}`,
        `mac=${mac}`,
        `ip=${ip}`,
        'netboot=xnba',
      ],
      ...['serialport=0', 'serialspeed=115200', 'postscripts=quickstart-trace,quickstart-hello'],
    ],
  ];
}
