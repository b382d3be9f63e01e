import { programVersion } from '../../../shared/text/version.ts';
import type { InstalledPackage } from '../image-tree/packages.ts';

const unknown = 'NOASSERTION';

export interface Materials {
  readonly image: string;
  readonly osvers: string;
  readonly uuid: string;
  /** Seconds since the epoch: of the youngest file, for a bill must not say when it was written. */
  readonly newest: number;
  readonly packages: readonly InstalledPackage[];
}

/** An SPDX 2.3 document (JSON) of exactly the packages that the image's package database lists, in its order. */
export function billOfMaterials({ image, osvers, uuid, newest, packages }: Materials): object {
  const id = (index: number): string => `SPDXRef-Package-${index + 1}`;
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: image,
    documentNamespace: `urn:uuid:${uuid}`,
    creationInfo: {
      created: new Date(newest * 1000).toISOString().replace(/\.\d+Z$/, 'Z'),
      creators: [`Tool: hostler-${programVersion()}`],
    },
    packages: packages.map((one, index) => ({
      SPDXID: id(index),
      name: one.name,
      versionInfo: one.version,
      downloadLocation: unknown,
      filesAnalyzed: false,
      licenseConcluded: unknown,
      licenseDeclared: unknown,
      copyrightText: unknown,
      externalRefs: [
        { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: packageUrl(osvers, one) },
      ],
    })),
    relationships: packages.map((_, index) => ({
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: id(index),
    })),
  };
}

/** purl: `pkg:deb/debian/bash@5.2-1?arch=amd64`. */
function packageUrl(osvers: string, { name, version, arch }: InstalledPackage): string {
  const vendor = /^[a-z]+/.exec(osvers)?.[0] ?? 'linux';
  const type = ['debian', 'ubuntu'].includes(vendor) ? 'deb' : 'rpm';
  const word = (text: string): string => encodeURIComponent(text).replace(/%3A/gi, ':');
  return `pkg:${type}/${vendor}/${word(name)}@${word(version)}?arch=${word(arch)}`;
}
