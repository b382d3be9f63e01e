import type { Medium, MediumText } from './media.ts';
import { folderArch } from './media-words.ts';

const architecture = /\b(x86_64|aarch64|ppc64le|s390x|ppc64|ppc|i[3-6]86)\b/;

/**
 * `media.N/media`: vendor, then the name with its build (`SLE-15-SP3-Full-x86_64-GM-Media1`), then how many there are.
 * `media.N/products`: folder, product and version. `content`, until release 12: both in its own words.
 */
export function suseMedium(medium: MediumText): Medium | undefined {
  const number = medium
    .names('')
    .map((name) => /^media\.(\d{1,3})$/.exec(name)?.[1])
    .find((found) => found !== undefined);
  if (number === undefined) return undefined;
  const media = medium.text(`media.${number}/media`) ?? '';
  const products = medium.text(`media.${number}/products`) ?? '';
  const content = medium.text('content') ?? '';
  const osvers = nameOf(media, products, content);
  const base = /^(?:DEFAULTBASE|BASEARCHS)\s+(\S+)/m.exec(content)?.[1];
  const arch = base ?? architecture.exec(media.replaceAll('-', ' '))?.[1] ?? '';
  if (osvers === undefined || arch === '') return undefined;
  const disc = discOf(number, `${media}\n${products}`);
  return {
    family: 'suse',
    osvers,
    arch: folderArch(arch),
    shownArch: folderArch(arch),
    disc,
    folder: disc,
    calls: 'SLES',
  };
}

function nameOf(media: string, products: string, content: string): string | undefined {
  const text = `${media}\n${products}\n${content}`;
  const leap = /\bopenSUSE-Leap[- ](\d+\.\d+)/.exec(text)?.[1] ?? /,leap:(\d+\.\d+)/.exec(text)?.[1];
  if (leap !== undefined) return `leap${leap}`;
  const pack = /\bSLE[S]?-(\d+)(?:-SP(\d+))?/.exec(text);
  if (pack?.[1] !== undefined) return `sles${pack[1]}${pack[2] === undefined ? '' : `.${pack[2]}`}`;
  if (!/SUSE-Linux-Enterprise-S(?:erver|oftware-Development-Kit)|\bSLES\b/.test(text)) return undefined;
  const version =
    /^VERSION\s+(\d+(?:\.\d+)?)/m.exec(content)?.[1] ??
    /,(?:sles|sdk):(\d+)(?::sp(\d+))?,/.exec(content)?.slice(1).filter(Boolean).join('.') ??
    / (\d+(?:\.\d+)?)-\d/.exec(products)?.[1];
  return version === undefined ? undefined : `sles${version}`;
}

/** Release 15 has one medium to install and one with packages, both with a folder media.1. */
function discOf(number: string, text: string): string {
  if (/Software-Development-Kit|\bSDK\b/.test(text)) return `sdk${number}`;
  if (/-15-(?:SP\d+-)?(?:Packages|SOURCE)/i.test(text)) return '2';
  return number;
}
