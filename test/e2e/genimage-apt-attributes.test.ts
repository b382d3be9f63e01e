// What attributes of an osimage do to an image of Debian; whole builds around packages of a few bytes.
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { serviceNodeRoles } from '../../shared/identity/names.ts';
import { run } from '../../shared/process/run.ts';
import { which } from '../../shared/process/which.ts';
import { StageBuilds } from '../lab/stage-builds.ts';

const why =
  process.getuid?.() === 0
    ? ['mmdebstrap', 'dpkg-deb', 'busybox', 'zstd', 'getfattr'].find((program) => which(program) === undefined)
    : 'root';

describe.skipIf(why !== undefined)(why === undefined ? 'attributes' : `attributes (needs ${why})`, () => {
  let world: StageBuilds;
  beforeAll(async () => {
    world = new StageBuilds(mkdtempSync(join(tmpdir(), 'hostler-attributes-')));
    await world.reset();
  });
  afterAll(() => world.dispose());

  it('packages come out of plain folders of .deb files: otherpkgdir, its folders, kerneldir', async () => {
    const { lab } = world;
    await lab.publishOther(world.at('debs/tools'), [{ name: 'other-tool', files: { 'opt/tool': 'tool 1\n' } }]);
    await lab.publishOther(world.at('kernels'), [{ name: 'beside-kernel', files: { 'opt/beside': 'beside 1\n' } }]);
    for (const folder of ['debs/tools', 'kernels']) rmSync(join(world.at(folder), 'Packages'));
    world.write('others', 'tools/other-tool\n');
    world.write('kernel.pkglist', '#INCLUDE:pkglist#\nbeside-kernel\n');
    await world.build({
      ...{ otherpkgdir: [world.at('debs')], otherpkglist: [world.at('others')] },
      ...{ kerneldir: world.at('kernels'), pkglist: [world.at('kernel.pkglist')] },
    });
    expect(world.shown('opt/tool')).toBe('tool 1\n');
    expect(world.shown('opt/beside')).toBe('beside 1\n');
    expect(readdirSync(world.at('debs/tools'))).toEqual(['other-tool_1_amd64.deb']);
    expect(world.shown('etc/apt/sources.list.d/debian.sources') ?? '').not.toContain(world.dir);
  });

  it('permission, cards, limits and driver packages reach the image; a service node has its agent', async () => {
    const drivers = { 'lib/modules/6.1.0-lab/extra/labnew.ko': 'new\n', 'lib/modules/5.9/extra/labold.ko': 'old\n' };
    await world.lab.publishOther(world.at('drivers'), [{ name: 'drivers', files: drivers }]);
    world.write('others', 'hostler/service-node\n');
    const changes = {
      ...{ otherpkglist: [world.at('others')], permission: '750', interfaces: ['eth0', 'ib0'] },
      ...{ rootlimit: '40%', tmplimit: '1g', netdrivers: ['allupdate'] },
      driverupdatesrc: [`deb:${world.at('drivers')}/drivers_1_amd64.deb`],
    };
    await world.build(changes);
    expect(statSync(world.tree('.statelite')).mode & 0o777).toBe(0o750);
    expect(world.shown('etc/systemd/network/60-hostler-ib0.network')).toContain('Name=ib0');
    expect(world.shown('etc/systemd/system/tmp.mount')).toContain('size=1g');
    expect(readdirSync(world.tree('lib/modules/6.1.0-lab/updates'))).toEqual(['labnew.ko']);
    expect(JSON.parse(world.shown('opt/hostler/agent.json') ?? '')).toEqual({
      mode: 'stay',
      roles: [...serviceNodeRoles],
    });
    const archive = join(world.image, 'initrd-stateless.zst');
    const plain = world.at('initrd');
    await run('zstd', ['-d', '-q', '-f', archive, '-o', plain]);
    const { stdout } = await run('cpio', ['-t', '--quiet', '--file', plain]);
    expect(stdout).toContain('lib/modules/6.1.0-lab/updates/labnew.ko');
    const limit = await run('cpio', ['-i', '--quiet', '--to-stdout', '--file', plain, 'etc/rootsize']);
    expect(limit.stdout).toBe('40%\n');
    const { stages } = await world.build(changes);
    expect(stages.filter((stage) => !stage.cached)).toEqual([]);
    await world.build({ ...changes, permission: '700' });
    expect(statSync(world.tree('.statelite')).mode & 0o777).toBe(0o700);
  });

  it('a release with an old Node.js gets that of the site, and is refused without', async () => {
    const top = world.at('node-v20.0.0-linux-x64');
    mkdirSync(join(top, 'bin'), { recursive: true });
    writeFileSync(join(top, 'bin/node'), Buffer.alloc(1_200_000, 'node '), { mode: 0o755 });
    const archive = world.at('node.tar.gz');
    await run('tar', ['-C', world.dir, '-czf', archive, 'node-v20.0.0-linux-x64']);
    const digest = createHash('sha256').update(readFileSync(archive)).digest('hex');
    const old = { osvers: 'debian11.9', pkgdir: [`${world.lab.repository} bookworm main`] };
    await expect(world.build(old)).rejects.toThrow('debian11.9 brings Node.js 12, and the agent in an image needs 18');
    await world.build({ ...old, noderuntime: `${archive} sha256:${digest}` });
    expect(statSync(world.tree('opt/hostler/node/bin/node')).size).toBe(1_200_000);
    expect(world.shown('etc/systemd/system/hostler-agent.service.d/node.conf')).toContain('/opt/hostler/node/bin/node');
    await world.build();
    expect(world.shown('etc/systemd/system/hostler-agent.service.d/node.conf')).toBeUndefined();
  });

  it('-o -a -p: the lists of a profile are found, the administrator’s own first', async () => {
    mkdirSync(world.at('custom/netboot/debian'), { recursive: true });
    world.write('custom/netboot/debian/lab.pkglist', 'tools\n');
    const result = await world.build({ profile: 'lab', search: true, pkglist: [], otherpkglist: [], postinstall: [] });
    expect(result.found).toEqual({ pkglist: world.at('custom/netboot/debian/lab.pkglist') });
    expect(world.shown('usr/bin/tools')).toBe('tools 1\n');
    await expect(world.build({ profile: 'nosuch', search: true, pkglist: [] })).rejects.toThrow(
      /^There is no package list of the profile nosuch for debian12: no nosuch\.pkglist in .*custom\/netboot\/debian and /,
    );
  });
});
