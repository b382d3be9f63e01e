import { HostlerError } from '../../../../shared/errors/error.ts';
import { readListFile } from '../list-file.ts';
import { readPkglists } from '../pkglist.ts';
import type { Pass } from '../pkglist.ts';
import { withoutServiceNames } from '../service-node.ts';
import type { Build } from '../spec.ts';
import type { Wanted } from '../family.ts';

/** What the lists say, and what an image cannot do without. */
export async function wantedOfApt(build: Build): Promise<Wanted> {
  const reader = { read: readListFile, environment: build.environment };
  const [first, ...later] = await readPkglists(build.pkglist, reader);
  const others = withoutServiceNames(await readPkglists(build.otherpkglist, reader));
  const asked = [...(first?.packages ?? []), ...later.flatMap((pass) => pass.packages)];
  const group = [...asked, ...others.flatMap((pass) => pass.packages)].find((name) => name.startsWith('@'));
  if (group !== undefined) {
    throw new HostlerError(
      'invalid_argument',
      `The package group ${group} means nothing to apt. Name packages, or a task as NAME^.`,
    );
  }
  const kernel = kernelPackage(build);
  const hasKernel = asked.some((name) => new RegExp(build.release.kernelPackage).test(name));
  const needed = [...build.release.packages, ...(hasKernel || kernel === undefined ? [] : [kernel])].filter(
    (name) => !asked.includes(name),
  );
  const pass: Pass = first ?? { packages: [], remove: [], removeAfter: [], environment: {} };
  return {
    packages: [{ ...pass, packages: [...new Set([...needed, ...pass.packages])] }, ...later],
    otherpkgs: others,
  };
}

/** A whole version (`6.1.0-18-amd64`) is part of a package's name; the beginning of one only chooses among what is there. */
function kernelPackage({ release, arch, kernelver }: Build): string | undefined {
  const usual = release.kernels[arch];
  return usual !== undefined && /^\d+\.\d+\.\d+-\d+.*-[a-z]\w*$/.test(kernelver) ? `linux-image-${kernelver}` : usual;
}
