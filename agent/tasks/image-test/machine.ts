import { accessSync, constants } from 'node:fs';
import { HostlerError } from '../../../shared/errors/error.ts';
import { installHint } from '../../../shared/process/hints.ts';
import { which } from '../../../shared/process/which.ts';

interface Machine {
  readonly program: string;
  readonly arguments: readonly string[];
  /** Processor to emulate. */
  readonly processor: string;
  readonly console: string;
}

const machines: Readonly<Record<string, Machine>> = {
  x86_64: { program: 'qemu-system-x86_64', arguments: ['-machine', 'q35'], processor: 'max', console: 'ttyS0' },
  aarch64: {
    program: 'qemu-system-aarch64',
    arguments: ['-machine', 'virt'],
    // Signing pointers as real processors do costs more than everything else that is emulated.
    processor: 'max,pauth-impdef=on,sve=off',
    console: 'ttyAMA0',
  },
  ppc64le: {
    program: 'qemu-system-ppc64',
    // What an emulated processor cannot do against side channels must not be asked of it.
    arguments: ['-machine', 'pseries,cap-cfpc=broken,cap-sbbc=broken,cap-ibs=broken,cap-ccf-assist=off'],
    // What `max` stands for here differs between versions of QEMU.
    processor: 'power9',
    console: 'hvc0',
  },
};

/** Throws `failed_precondition`, at once, when this host has no machine of that kind. */
export function machineFor(arch: string): Machine {
  const machine = machines[arch];
  if (machine === undefined) {
    throw new HostlerError(
      'failed_precondition',
      `An image for ${arch} cannot be tested; ${Object.keys(machines).join(', ')} can.`,
    );
  }
  if (which(machine.program) !== undefined) return machine;
  throw new HostlerError(
    'failed_precondition',
    `${machine.program} is not installed, which would boot the image. To do: ${installHint(machine.program)}.`,
  );
}

/** KVM first where this host may have it; a device node alone does not mean that it works. */
export function accelerators(arch: string): string[] {
  const native = { x64: 'x86_64', arm64: 'aarch64', ppc64: 'ppc64le' }[process.arch as string] === arch;
  try {
    if (native) accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  } catch {
    return ['tcg'];
  }
  return native ? ['kvm', 'tcg'] : ['tcg'];
}

export interface MachineFiles {
  readonly kernel: string;
  readonly initrd: string;
  readonly words: readonly string[];
  readonly megabytes: number;
  readonly console: string;
  /** Words of a command that connects its input and output to the task. */
  readonly relay: readonly string[];
}

/** MiB: pseries takes nothing between. */
const memoryStep = 256;

/** Where the task answers; nothing else answers in the machine's network. */
export const taskAddress = '10.0.2.9';

/** The network is the machine's own (`restrict`): DHCP, and one address whose connections end in `relay`. */
export function machineArguments(machine: Machine, accelerator: string, files: MachineFiles): string[] {
  const relay = files.relay.map((word) => `'${word}'`).join(' ');
  return [
    ...machine.arguments,
    ...[
      '-accel',
      accelerator === 'tcg' ? 'tcg,tb-size=128' : accelerator,
      '-cpu',
      accelerator === 'kvm' ? 'host' : machine.processor,
    ],
    ...[
      '-smp',
      '1',
      '-m',
      String(Math.ceil(files.megabytes / memoryStep) * memoryStep),
      '-nodefaults',
      '-display',
      'none',
      '-no-reboot',
    ],
    ...['-kernel', files.kernel, '-initrd', files.initrd, '-append', files.words.join(' ')],
    ...['-serial', `file:${files.console.replaceAll(',', ',,')}`],
    '-netdev',
    `user,id=net,restrict=on,ipv6=off,guestfwd=tcp:${taskAddress}:80-cmd:${relay.replaceAll(',', ',,')}`,
    ...['-device', 'virtio-net-pci,netdev=net', '-device', 'virtio-rng-pci'],
  ];
}
