import { spawn } from 'node:child_process';
import { copyFile, mkdir, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HostlerError } from '../../shared/errors/error.ts';
import { installHint } from '../../shared/process/hints.ts';
import { which } from '../../shared/process/which.ts';
import { Console } from './console.ts';
import { atEnd } from './guard.ts';
import type { LabNetwork } from './network.ts';
import { qmp } from './qmp.ts';

export type Firmware = 'bios' | 'uefi' | 'uefi-http';

export interface VmOptions {
  readonly name: string;
  readonly network: LabNetwork;
  /** Which tap of the network. */
  readonly tap: number;
  /** Folder for console, firmware variables and monitor; made when it is not there. Its path must be short (sockets). */
  readonly dir: string;
  readonly firmware: Firmware;
  /** kvm only after probeKvm said that it works. */
  readonly accel: 'tcg' | 'kvm';
  readonly memoryMiB: number;
  /** Default: made from the tap's number. */
  readonly mac?: string;
  /** More QEMU arguments. */
  readonly more?: readonly string[];
}

export interface Vm {
  readonly name: string;
  readonly mac: string;
  readonly pid: number;
  readonly console: Console;
  /** Why it runs no more; undefined while it runs. */
  readonly over: () => string | undefined;
  /** The reset button. */
  reset(): Promise<void>;
  /** Pulls the plug and takes the temporary files away; the console stays. */
  stop(): Promise<void>;
}

export function macOfTap(tap: number): string {
  const byte = (value: number): string => value.toString(16).padStart(2, '0');
  return `52:54:00:77:${byte(Math.floor(tap / 256))}:${byte(tap % 256)}`;
}

/**
 * Starts a machine without disks that boots from the network, its serial console in `<dir>/<name>.console`.
 * Facts: real-lab.md "Network boot" and "KVM". Ends with this process at the latest.
 */
export async function startVm(options: VmOptions): Promise<Vm> {
  const tap = options.network.taps[options.tap];
  if (tap === undefined) throw new HostlerError('invalid_argument', `The network has no tap ${options.tap}.`);
  await mkdir(options.dir, { recursive: true });
  const file = (suffix: string): string => join(options.dir, `${options.name}.${suffix}`);
  const mac = options.mac ?? macOfTap(options.tap);
  await rm(file('console'), { force: true });
  const output = await open(file('qemu'), 'w');
  const arguments_ = await qemuArguments(options, { tap, mac, file });
  const argv = options.network.inside([emulator(), ...arguments_]);
  const child = spawn(argv[0] ?? 'ip', argv.slice(1), { stdio: ['ignore', output.fd, output.fd] });
  let over: string | undefined;
  const ended = new Promise<void>((resolve) => {
    child.once('error', (error) => {
      over = `QEMU could not be started: ${error.message}`;
      resolve();
    });
    child.once('exit', (code, signal) => {
      over = `the machine ended (${signal ?? `exit ${code ?? ''}`}; see ${file('qemu')})`;
      resolve();
    });
  });
  await output.close();
  const release = atEnd(() => child.kill('SIGKILL'));
  return {
    name: options.name,
    mac,
    pid: child.pid ?? 0,
    console: new Console(file('console')),
    over: () => over,
    reset: () => qmp(file('qmp'), 'system_reset'),
    stop: async () => {
      child.kill('SIGKILL');
      await ended;
      release();
      await rm(file('vars'), { force: true });
      await rm(file('qmp'), { force: true });
    },
  };
}

async function qemuArguments(
  options: VmOptions,
  own: { tap: string; mac: string; file: (suffix: string) => string },
): Promise<string[]> {
  const bios = options.firmware === 'bios';
  const vars = own.file('vars');
  if (!bios) await copyFile('/usr/share/OVMF/OVMF_VARS_4M.fd', vars);
  return [
    ...['-name', options.name, '-machine', bios ? 'q35,graphics=off' : 'q35'],
    ...(options.accel === 'kvm'
      ? ['-accel', 'kvm', '-cpu', 'host,-arch-capabilities']
      : ['-accel', 'tcg,tb-size=64', '-cpu', 'max']),
    ...['-smp', '1', '-m', String(options.memoryMiB), '-nodefaults', '-display', 'none', '-no-user-config'],
    ...['-chardev', `file,id=serial,path=${own.file('console')},append=on`, '-serial', 'chardev:serial'],
    ...['-qmp', `unix:${own.file('qmp')},server=on,wait=off`],
    ...['-object', 'rng-random,id=rng,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=rng'],
    ...['-netdev', `tap,id=n0,ifname=${own.tap},script=no,downscript=no`],
    // BIOS: the card's own iPXE. UEFI: the firmware's network stack, so no option ROM.
    ...['-device', `virtio-net-pci,netdev=n0,mac=${own.mac},bootindex=1${bios ? '' : ',romfile='}`],
    ...(bios
      ? []
      : [
          ...['-drive', 'if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd'],
          ...['-drive', `if=pflash,format=raw,file=${vars}`],
        ]),
    ...(options.firmware === 'uefi-http'
      ? [4, 6].flatMap((v) => ['-fw_cfg', `name=opt/org.tianocore/IPv${v}PXESupport,string=n`])
      : []),
    ...(options.more ?? []),
  ];
}

export function emulator(): string {
  const found = which('qemu-system-x86_64');
  if (found !== undefined) return found;
  throw new HostlerError(
    'failed_precondition',
    `program qemu-system-x86_64 is not installed: ${installHint('qemu-system-x86_64')}`,
  );
}
