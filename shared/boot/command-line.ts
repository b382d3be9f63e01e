import { architectureOf } from '../distro/architecture.ts';
import { kernelWords } from '../identity/boot-token.ts';
import { httpBase } from './address.ts';
import { checkWords } from './ipxe.ts';

export interface CommandLineOptions {
  readonly node: string;
  readonly address: string;
  readonly httpPort: number;
  readonly httpsPort: number;
  /** sha256 of the authority's certificate. */
  readonly authority: string;
  /** sha256 of the image. */
  readonly image: string;
  /** `nodehm.serialport`, `serialspeed`, `serialflow`; empty: no serial console. */
  readonly serialport: string;
  readonly serialspeed: string;
  readonly serialflow: string;
  /** xCAT's word; decides what the kernel calls its serial console. Default x86_64. */
  readonly arch?: string;
  /** Words of the node and of the image, already joined; `R::` words are for installed systems and left out. */
  readonly addkcmdline: string;
}

/**
 * The kernel's words for a node that is to run an image: addresses, fingerprint, digest, console, then what the
 * administrator added. Nothing secret. Errors: `invalid_argument` for words that cannot be carried.
 */
export function commandLine(options: CommandLineOptions): string[] {
  const words = [
    `${kernelWords.server}=${httpBase(options.address, options.httpPort)}`,
    `${kernelWords.secure}=https://${options.address}:${options.httpsPort}`,
    `${kernelWords.authority}=${options.authority}`,
    `${kernelWords.image}=${options.image}`,
    `${kernelWords.node}=${options.node}`,
    'ip=dhcp',
    ...consoleWords(options),
    ...options.addkcmdline.split(/\s+/).filter((word) => word !== '' && !word.startsWith('R::')),
  ];
  checkWords(words);
  return words;
}

/** The words for a machine that is to be installed: as above, but no image; the boot server's name, for its certificate. */
export function installCommandLine(options: Omit<CommandLineOptions, 'image'> & { readonly agent: string }): string[] {
  const words = [
    `${kernelWords.server}=${httpBase(options.address, options.httpPort)}`,
    `${kernelWords.secure}=https://${options.address}:${options.httpsPort}`,
    `${kernelWords.authority}=${options.authority}`,
    `${kernelWords.boot}=${options.agent}`,
    `${kernelWords.node}=${options.node}`,
    'ip=dhcp',
    ...consoleWords(options),
  ];
  checkWords(words);
  return words;
}

/**
 * What Linux calls the serial console on which machines, by xCAT's word for the architecture. Arm servers have one kind
 * of port or the other: both are named, the kernel takes the one that is there.
 */
const consoleNames: ReadonlyMap<string, readonly string[]> = new Map([
  ['x86_64', ['ttyS']],
  ['aarch64', ['ttyS', 'ttyAMA']],
  ['riscv64', ['ttyS']],
  ['ppc64le', ['hvc']],
  ['ppc64', ['hvc']],
  ['s390x', ['ttysclp']],
]);

function consoleWords({
  arch = 'x86_64',
  ...options
}: Pick<CommandLineOptions, 'arch' | 'serialport' | 'serialspeed' | 'serialflow'>): string[] {
  if (options.serialport === '') return [];
  const speed = options.serialspeed === '' ? '115200' : options.serialspeed;
  const flow = /hard|cts/.test(options.serialflow) ? 'n8r' : '';
  const names = consoleNames.get(architectureOf(arch)?.name ?? arch) ?? ['ttyS'];
  // Hypervisor consoles have no line speed.
  const words = names.map(
    (name) => `console=${name}${options.serialport}${/^tty(?:S|AMA)$/.test(name) ? `,${speed}${flow}` : ''}`,
  );
  return ['console=tty0', ...words];
}
