import { createWriteStream, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { chooseAccel } from '../../deploy/lab/kvm.ts';
import { emulator } from '../../deploy/lab/vm.ts';
import { type CpioEntry, cpio } from '../../agent/tasks/image-build/initrd/cpio.ts';
import { HostlerError } from '../../shared/errors/error.ts';
import { run } from '../../shared/process/run.ts';
import { root, step } from '../tools/step.ts';
import type { Bench, Figures } from './measure.ts';

/** The least that brings the same image up: it lies in the initrd, no network, no digest, no agent's business. */
const bareInit = `#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /ro /rw /new
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev
for module in loop squashfs overlay; do modprobe $module; done
mount -t squashfs -o loop,ro /image /ro
mount -t tmpfs tmpfs /rw
mkdir /rw/upper /rw/work
mount -t overlay -o lowerdir=/ro,upperdir=/rw/upper,workdir=/rw/work overlay /new
echo 'bare: switching' >/dev/console
umount /proc /sys
exec switch_root /new /sbin/init
`;

/** The quickstart's boot by stage, beside the same kernel and image with a bare initrd. Needs root and a mirror. */
export const bootBench: Bench = {
  name: 'boot',
  bound: 1500,
  run: async (signal) => {
    if (process.getuid?.() !== 0) throw new Error('needs root: network namespaces');
    const folder = mkdtempSync(join(tmpdir(), 'hostler-bench-'));
    try {
      const dir = join(folder, 'q');
      const report = join(folder, 'report.json');
      const argv = ['node', '--import', 'tsx', join(root, 'deploy/quickstart/main.ts'), '--dir', dir, '--json', report];
      const quickstart = await step(argv, { bound: 900 });
      if (!quickstart.ok) throw new Error(`the quickstart failed: ${quickstart.output.slice(-1500)}`);
      const { timeline } = JSON.parse(readFileSync(report, 'utf8')) as {
        timeline: { stage: string; seconds: number }[];
      };
      const product = Object.fromEntries(timeline.map(({ stage, seconds }) => [`${stage}Seconds`, seconds]));
      return { ...product, ...(await bareBoot(folder, dir, signal)) };
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function bareBoot(folder: string, dir: string, signal: AbortSignal): Promise<Figures> {
  const images = join(dir, 'install/netboot');
  const compute = join(images, readdirSync(images)[0] ?? '', 'x86_64/compute');
  const kernel = join(compute, 'kernel');
  const initrd = join(compute, readdirSync(compute).find((name) => name.startsWith('initrd')) ?? '');
  const image = join(compute, 'rootimg.sfs');
  const archive = join(folder, 'bare.initrd');
  await pipeline(Readable.from(withImage(initrd, image)), createWriteStream(archive));
  const accel = await chooseAccel(kernel, signal);
  const began = Date.now();
  const at: Record<string, number> = {};
  const enough = new AbortController();
  const argv = [
    ...[
      '-machine',
      'q35',
      '-accel',
      accel === 'kvm' ? 'kvm' : 'tcg,tb-size=64',
      '-cpu',
      accel === 'kvm' ? 'host,-arch-capabilities' : 'max',
    ],
    ...['-smp', '1', '-m', '1536', '-nodefaults', '-display', 'none', '-no-user-config', '-serial', 'stdio'],
    ...['-kernel', kernel, '-initrd', archive, '-append', 'console=ttyS0,115200'],
  ];
  await run(emulator(), argv, {
    signal: AbortSignal.any([signal, enough.signal]),
    graceMs: 500,
    onLine: (line) => {
      const now = (Date.now() - began) / 1000;
      if (line.includes('bare: switching')) at['bareSwitchedSeconds'] = now;
      if (line.includes('ttyS0') && line.includes('Debian GNU/Linux')) {
        at['bareLoginSeconds'] = now;
        enough.abort(new HostlerError('cancelled', 'seen enough'));
      }
    },
  }).catch((thrown: unknown) => {
    if (!enough.signal.aborted) throw thrown;
  });
  return at;
}

/** The product's initrd with another init and the image behind it: a later archive wins. */
async function* withImage(initrd: string, image: string): AsyncGenerator<Uint8Array> {
  const first = readFileSync(initrd);
  yield first;
  yield new Uint8Array((4 - (first.length % 4)) % 4);
  const entries: CpioEntry[] = [
    { path: 'init', kind: 'file', mode: 0o755, content: Buffer.from(bareInit) },
    { path: 'image', kind: 'file', content: readFileSync(image) },
  ];
  yield* cpio(entries);
}
