import { readFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { HostlerError } from '../../../../shared/errors/error.ts';

/** The tables that depmod wrote, as far as an initrd needs them. Paths are as in modules.dep (`kernel/...`). */
export interface ModuleTree {
  /** Path to the paths it needs, all of them, in the order of modules.dep. */
  readonly needs: ReadonlyMap<string, readonly string[]>;
  /** Lines of modules.alias. */
  readonly aliases: readonly { readonly pattern: string; readonly module: string }[];
  /** Module name to the modules it wishes for. */
  readonly wishes: ReadonlyMap<string, readonly string[]>;
  /** Names of what is part of the kernel itself. */
  readonly builtIn: ReadonlySet<string>;
}

export async function readModuleTree(folder: string): Promise<ModuleTree> {
  const dep = await readFile(join(folder, 'modules.dep'), 'utf8').catch((error: unknown) => {
    throw new HostlerError(
      'failed_precondition',
      `The kernel's modules in ${folder} have no modules.dep: run depmod there.`,
      {
        cause: error,
      },
    );
  });
  const [alias, softdep, builtin] = await Promise.all(
    ['modules.alias', 'modules.softdep', 'modules.builtin'].map((name) =>
      readFile(join(folder, name), 'utf8').catch(() => ''),
    ),
  );
  return parseModuleTree({ dep, alias: alias ?? '', softdep: softdep ?? '', builtin: builtin ?? '' });
}

export function parseModuleTree(text: { dep: string; alias: string; softdep: string; builtin: string }): ModuleTree {
  const needs = new Map<string, readonly string[]>();
  for (const line of lines(text.dep)) {
    const colon = line.indexOf(':');
    if (colon > 0) needs.set(line.slice(0, colon), words(line.slice(colon + 1)));
  }
  const aliases = lines(text.alias).flatMap((line) => {
    const [word, pattern, module] = words(line);
    return word === 'alias' && pattern !== undefined && module !== undefined
      ? [{ pattern, module: plainName(module) }]
      : [];
  });
  const wishes = new Map<string, readonly string[]>();
  for (const line of lines(text.softdep)) {
    const [word, module, ...rest] = words(line);
    if (word !== 'softdep' || module === undefined) continue;
    const name = plainName(module);
    wishes.set(name, [
      ...(wishes.get(name) ?? []),
      ...rest.filter((w) => w !== 'pre:' && w !== 'post:').map(plainName),
    ]);
  }
  return { needs, aliases, wishes, builtIn: new Set(lines(text.builtin).map(moduleName)) };
}

export interface Wanted {
  /** Below `kernel/`. */
  readonly folders: readonly string[];
  readonly names: readonly string[];
}

export interface Chosen {
  /** Paths, sorted. */
  readonly paths: readonly string[];
  /** Names that neither a module nor the kernel itself has. */
  readonly unknown: readonly string[];
}

/** Everything wanted with everything it needs or wishes for. */
export function chooseModules(tree: ModuleTree, wanted: Wanted): Chosen {
  const byName = new Map([...tree.needs.keys()].map((path) => [moduleName(path), path]));
  const chosen = new Set<string>();
  const unknown: string[] = [];
  const queue = [...tree.needs.keys()].filter((path) =>
    wanted.folders.some((folder) => path.startsWith(`kernel/${folder}/`)),
  );
  for (const name of wanted.names.map(moduleName)) {
    const path = byName.get(name);
    if (path !== undefined) queue.push(path);
    else if (!tree.builtIn.has(name)) unknown.push(name);
  }
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (chosen.has(path)) continue;
    chosen.add(path);
    queue.push(...(tree.needs.get(path) ?? []));
    for (const wish of tree.wishes.get(moduleName(path)) ?? []) {
      const direct = byName.get(wish);
      const named =
        direct === undefined ? tree.aliases.filter((a) => plainName(a.pattern) === wish).map((a) => a.module) : [];
      for (const found of direct === undefined ? named.map((name) => byName.get(name)) : [direct]) {
        if (found !== undefined) queue.push(found);
      }
    }
  }
  return { paths: [...chosen].sort(), unknown };
}

/** modules.dep, modules.alias and modules.softdep for the chosen ones alone, their files without compression. */
export function writeTables(tree: ModuleTree, paths: readonly string[]): Readonly<Record<string, string>> {
  const names = new Set(paths.map(moduleName));
  const dep = paths.map(
    (path) => `${uncompressed(path)}:${(tree.needs.get(path) ?? []).map((p) => ` ${uncompressed(p)}`).join('')}\n`,
  );
  const alias = tree.aliases.filter((a) => names.has(a.module)).map((a) => `alias ${a.pattern} ${a.module}\n`);
  return { 'modules.dep': dep.join(''), 'modules.alias': alias.join(''), 'modules.symbols': '' };
}

/** `kernel/fs/squashfs/squashfs.ko.xz` is `squashfs`; `-` and `_` are the same. */
export function moduleName(path: string): string {
  return plainName(posix.basename(uncompressed(path)).replace(/\.ko$/, ''));
}

export function uncompressed(path: string): string {
  return path.replace(/\.ko\.(?:xz|zst|gz)$/, '.ko');
}

/** Files that the module asks the kernel to load into its hardware (`firmware=` in its .modinfo). */
export function firmwareOf(module: Buffer): string[] {
  const found: string[] = [];
  const mark = Buffer.from('\0firmware=');
  for (let at = module.indexOf(mark); at >= 0; at = module.indexOf(mark, at + 1)) {
    const end = module.indexOf(0, at + mark.length);
    const name = module.subarray(at + mark.length, end < 0 ? undefined : end).toString('latin1');
    if (/^[\w./+,-]+$/.test(name) && !name.split('/').includes('..')) found.push(name);
  }
  return found;
}

function plainName(name: string): string {
  return name.replaceAll('-', '_');
}

function lines(text: string): string[] {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}
