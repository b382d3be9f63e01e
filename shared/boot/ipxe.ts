import { HostlerError } from '../errors/error.ts';
import { httpBase } from './address.ts';

/** Where the boot server's HTTP answers. */
export interface Server {
  readonly address: string;
  readonly httpPort: number;
}

/** x86 kernels take 2,048 bytes; the boot loader adds a little. */
export const longestCommandLine = 1900;

/** How often a machine asks again, 10 s apart, before it starts over from its firmware. */
const tries = 60;

const macOfThisBoot = '${netX/mac:hexhyp}';

/** What every iPXE is told by DHCP: ask for the script of your own MAC. Without an answer: try again, then reboot. */
export function entryScript(server: Server): string {
  const own = `${httpBase(server.address, server.httpPort)}/boot/${macOfThisBoot}.ipxe`;
  return script([
    ':again',
    `chain --replace ${own} || goto wait`,
    ':wait',
    'inc tries',
    `iseq \${tries} ${tries} && reboot ||`,
    'echo Hostler: the boot server did not answer; asking again in 10 s',
    'sleep 10',
    'goto again',
  ]);
}

/**
 * Loads kernel and initrd from the server by digest and starts them; when that fails the script is asked for again
 * (it may have changed). `state` is a comment, as xCAT writes it. Errors: `invalid_argument`, see checkWords.
 */
export function imageScript(
  server: Server,
  state: string,
  image: { readonly kernel: string; readonly initrd: string; readonly words: readonly string[] },
): string {
  const base = httpBase(server.address, server.httpPort);
  const line = ['initrd=initrd.img', ...image.words, `BOOTIF=01-${macOfThisBoot}`].join(' ');
  if (line.length > longestCommandLine) {
    throw new HostlerError(
      'invalid_argument',
      `The kernel command line is ${line.length} bytes long, ${longestCommandLine} fit. Shorten addkcmdline.`,
    );
  }
  return script([
    `#${state}`,
    'imgfree',
    `kernel ${base}/blobs/${image.kernel} ${line} || goto failed`,
    `initrd --name initrd.img ${base}/blobs/${image.initrd} || goto failed`,
    'boot || goto failed',
    ':failed',
    'inc tries',
    `iseq \${tries} ${tries} && reboot ||`,
    'echo Hostler: kernel or initrd could not be loaded; asking again in 10 s',
    'sleep 10',
    `chain --replace ${base}/boot/${macOfThisBoot}.ipxe || goto failed`,
  ]);
}

/**
 * Nothing to load: on to the next boot device of the firmware. One by UEFI that was told success would show its menu
 * instead, and wait there (UEFI specification, section 3.1.7 of 2.10).
 */
export function localScript(state: string): string {
  return script([`#${state}`, 'iseq ${platform} efi && goto efi ||', 'exit', ':efi', 'exit 1']);
}

/** For a machine that nobody defined, and for a node without anything to boot: says so on its console, asks again. */
export function waitScript(server: Server, lines: readonly string[]): string {
  const base = httpBase(server.address, server.httpPort);
  return script([
    ...lines.map((line) => `echo ${plain(line)}`),
    ':again',
    'inc tries',
    `iseq \${tries} ${tries} && exit ||`,
    'sleep 10',
    `chain --replace ${base}/boot/${macOfThisBoot}.ipxe || goto again`,
  ]);
}

/** Refuses words that iPXE or the kernel would not take as one word of the command line. */
export function checkWords(words: readonly string[]): void {
  for (const word of words) {
    if (!/^[\x21-\x7e]+$/.test(word) || word.includes('${') || ['&&', '||', ';'].includes(word)) {
      throw new HostlerError(
        'invalid_argument',
        `Not fit for a kernel command line: ${JSON.stringify(word)}. Words are printable ASCII, without \${ and not ` +
          'one of && || and ;.',
      );
    }
  }
}

function script(lines: readonly string[]): string {
  return `#!ipxe\n${lines.join('\n')}\n`;
}

/** Text for `echo`: nothing in it means anything to iPXE. */
function plain(text: string): string {
  return text
    .replace(/[^\x20-\x7e]/g, '?')
    .replace(/\$\{/g, '$ {')
    .replace(/&&|\|\||;/g, ',');
}
