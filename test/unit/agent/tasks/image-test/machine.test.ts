import { beforeEach, describe, expect, it, vi } from 'vitest';
import { accelerators, machineArguments, machineFor } from '../../../../../agent/tasks/image-test/machine.ts';
import { which } from '../../../../../shared/process/which.ts';

vi.mock('../../../../../shared/process/which.ts', () => ({ which: vi.fn() }));

const files = {
  ...{ kernel: '/k', initrd: '/i', words: ['console=ttyAMA0', 'panic=-1'], megabytes: 1024, console: '/c,onsole' },
  relay: ['/usr/bin/node', '/t/relay.cjs', '/t/http'],
};

beforeEach(() => {
  vi.mocked(which).mockImplementation((name) => `/usr/bin/${name}`);
});

describe('the machine that tests an image', () => {
  it.each([
    ['x86_64', 'qemu-system-x86_64', 'q35', 'max', 'ttyS0'],
    ['aarch64', 'qemu-system-aarch64', 'virt', 'max,pauth-impdef=on,sve=off', 'ttyAMA0'],
    ['ppc64le', 'qemu-system-ppc64', 'pseries,cap-cfpc=broken', 'power9', 'hvc0'],
  ])('for %s is %s', (arch, program, type, processor, console) => {
    const machine = machineFor(arch);
    expect(machine).toMatchObject({ program, console });
    const words = machineArguments(machine, 'tcg', files);
    expect(words[words.indexOf('-machine') + 1]).toContain(type);
    expect(words[words.indexOf('-cpu') + 1]).toBe(processor);
    expect(words[words.indexOf('-accel') + 1]).toMatch(/^tcg/);
    expect(words).toContain('file:/c,,onsole');
    // pseries refuses what is no multiple of 256.
    const odd = machineArguments(machine, 'tcg', { ...files, megabytes: 1229 });
    expect(odd[odd.indexOf('-m') + 1]).toBe('1280');
    // Nothing but the task can be reached.
    expect(words[words.indexOf('-netdev') + 1]).toMatch(/^user,id=net,restrict=on,.*guestfwd=tcp:10\.0\.2\.9:80-cmd:/);
    expect(machineArguments(machine, 'kvm', files)).toEqual(expect.arrayContaining(['-accel', 'kvm', '-cpu', 'host']));
  });

  it('is not there for an architecture that nothing emulates, or without its program: it says so at once', () => {
    expect(() => machineFor('s390x')).toThrow('An image for s390x cannot be tested; x86_64, aarch64, ppc64le can.');
    vi.mocked(which).mockReturnValue(undefined);
    expect(() => machineFor('aarch64')).toThrow(/qemu-system-aarch64 is not installed.*To do: .*qemu-system-arm/);
  });

  it('of another architecture is emulated', () => {
    expect(accelerators(process.arch === 'arm64' ? 'x86_64' : 'aarch64')).toEqual(['tcg']);
  });
});
