import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commandLine, type CommandLineOptions } from '../../../../shared/boot/command-line.ts';
import { checkWords, entryScript, imageScript, localScript, waitScript } from '../../../../shared/boot/ipxe.ts';

const server = { address: '10.0.0.1', httpPort: 80 };
const digest = (letter: string): string => letter.repeat(64);

const options: CommandLineOptions = {
  ...server,
  node: 'n1',
  httpsPort: 7443,
  authority: digest('c'),
  image: digest('d'),
  serialport: '',
  serialspeed: '',
  serialflow: '',
  addkcmdline: '',
};

describe('commandLine', () => {
  it('names server, authority, image and node', () => {
    expect(commandLine(options)).toEqual([
      'hostler.server=http://10.0.0.1',
      'hostler.secure=https://10.0.0.1:7443',
      `hostler.ca=${digest('c')}`,
      `hostler.image=${digest('d')}`,
      'hostler.node=n1',
      'ip=dhcp',
    ]);
  });

  it('adds the serial console, and leaves out what is for installed systems', () => {
    const words = commandLine({
      ...options,
      serialport: '0',
      serialspeed: '115200',
      serialflow: 'hard',
      addkcmdline: ' quiet R::rd.shell  selinux=0',
    });
    expect(words.slice(6)).toEqual(['console=tty0', 'console=ttyS0,115200n8r', 'quiet', 'selinux=0']);
  });

  it.each([
    ['x86_64', ['console=ttyS1,9600']],
    ['aarch64', ['console=ttyS1,9600', 'console=ttyAMA1,9600']],
    ['riscv64', ['console=ttyS1,9600']],
    ['ppc64le', ['console=hvc1']],
    ['ppc64el', ['console=hvc1']],
    ['ppc64', ['console=hvc1']],
    ['s390x', ['console=ttysclp1']],
  ])('calls the serial console what the kernel of %s calls it', (arch, consoles) => {
    const words = commandLine({ ...options, arch, serialport: '1', serialspeed: '9600' });
    expect(words.slice(6)).toEqual(['console=tty0', ...consoles]);
  });

  it.each(['a && b', 'x ${net0/ip}', 'a\u0001b', 'ü', '||'])('refuses %j', (addkcmdline) =>
    expect(() => commandLine({ ...options, addkcmdline })).toThrow(/kernel command line/),
  );
});

describe('iPXE scripts', () => {
  it('loads kernel and initrd by digest', () => {
    const script = imageScript(server, 'netboot debian12-x86_64-compute', {
      kernel: digest('a'),
      initrd: digest('b'),
      words: ['x=1'],
    });
    expect(script.split('\n').slice(0, 6)).toEqual([
      '#!ipxe',
      '#netboot debian12-x86_64-compute',
      'imgfree',
      `kernel http://10.0.0.1/blobs/${digest('a')} initrd=initrd.img x=1 BOOTIF=01-\${netX/mac:hexhyp} || goto failed`,
      `initrd --name initrd.img http://10.0.0.1/blobs/${digest('b')} || goto failed`,
      'boot || goto failed',
    ]);
  });

  it('refuses a command line that no kernel would take whole', () => {
    const words = [`x=${'y'.repeat(2000)}`];
    expect(() => imageScript(server, 's', { kernel: digest('a'), initrd: digest('b'), words })).toThrow(/bytes long/);
  });

  it('goes on to the disk, or asks for the machine itself', () => {
    expect(localScript('boot')).toBe('#!ipxe\n#boot\niseq ${platform} efi && goto efi ||\nexit\n:efi\nexit 1\n');
    expect(entryScript({ address: '10.0.0.1', httpPort: 8080 })).toContain(
      'http://10.0.0.1:8080/boot/${netX/mac:hexhyp}.ipxe',
    );
  });

  it('says what it is told to say, and does nothing of it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const quiet = waitScript(server, ['quiet']).split('\n');
        const lines = waitScript(server, [text]).split('\n');
        expect(lines.length).toBe(quiet.length);
        expect(lines[1]).toMatch(/^echo [\x20-\x7e]*$/);
        expect(lines[1]).not.toMatch(/\$\{|&&|\|\||;/);
      }),
    );
  });

  it('lets no word through that is more than one word', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (word) => {
        try {
          checkWords([word]);
        } catch {
          return;
        }
        expect(word).toMatch(/^[\x21-\x7e]+$/);
        expect(word).not.toContain('${');
      }),
    );
  });
});
