import { HostlerError } from '../../../shared/errors/error.ts';
import type { NimPostscripts } from '../../../shared/task/nim.ts';
import { textFile } from '../../../shared/text/text-file.ts';
import { quoted, quotedLine } from '../../../shared/text/shell-words.ts';
import type { NimMaster } from './master.ts';
import { isNimName } from './names.ts';
import { reportOverride } from './reporters.ts';

/** What is supplied for AIX, by name; administrators put their own beside them. */
export const suppliedPostscripts: Readonly<Record<string, string>> = {
  hostleraixpost: textFile(import.meta.url, '../../../share/postscripts/hostleraixpost'),
  confignimsh: textFile(import.meta.url, '../../../share/postscripts/confignimsh'),
  setupntp: textFile(import.meta.url, '../../../share/postscripts/setupntp'),
};

/** Begins a line that names the next file; lines of files have a blank in front. */
const place = `
umask 022
dir=$1
mkdir -p "$dir/mypostscripts" || exit 1
file=
# Two may do this at once.
new=$dir/.new.$$
trap 'rm -f "$new"' EXIT
while IFS= read -r line; do
  case $line in
  "@supplied "*)
    file=$dir/\${line#@supplied }
    # An administrator's own script of that name stays.
    if [ -f "$file" ] && ! grep 'Supplied by Hostler' "$file" >/dev/null; then file=; else : >"$new" || exit 1; fi ;;
  @authority)
    file=$dir/hostler-ca.pem
    : >"$new" || exit 1 ;;
  "@node "*)
    file=$dir/mypostscripts/mypostscript.\${line#@node }
    : >"$new" || exit 1 ;;
  @end)
    if [ -n "$file" ]; then chmod 755 "$new" && mv "$new" "$file" || exit 1; fi ;;
  *)
    if [ -n "$file" ]; then printf '%s\\n' "\${line#.}" >>"$new" || exit 1; fi ;;
  esac
done
`;

/** The agent that hears reports of nodes: its name, and the authority by which nodes know it. */
export interface ReportsTo {
  readonly name: string;
  /** PEM */
  readonly authority: string;
}

/** Puts scripts and lists where nodes find them: one command, however many nodes. `self`: absent before enrolment. */
export async function placePostscripts(
  master: NimMaster,
  postscripts: NimPostscripts,
  self?: ReportsTo,
): Promise<void> {
  const lines: string[] = [];
  const add = (head: string, text: string): void => {
    lines.push(
      head,
      ...text
        .trimEnd()
        .split('\n')
        .map((line) => `.${line}`),
      '@end',
    );
  };
  for (const [name, text] of Object.entries(suppliedPostscripts)) add(`@supplied ${name}`, text);
  for (const node of postscripts.nodes.filter(({ name }) => isNimName(name)))
    add(`@node ${node.name}`, listOf(postscripts, node, self?.name));
  if (self !== undefined) add('@authority', self.authority);
  const { folder } = postscripts;
  const ran = await master.login.run('sh', ['-c', place, 'sh', folder], { input: `${lines.join('\n')}\n` });
  if (ran.exit !== 0)
    throw new HostlerError(
      'failed_precondition',
      `The postscripts for the nodes cannot be put into ${folder} on ${master.login.name}: ${ran.stderr.trim()}`,
    );
}

/** Read by hostleraixpost, which knows `run` and `register`. */
export function listOf(
  { environment, reportPort }: Pick<NimPostscripts, 'environment' | 'reportPort'>,
  node: NimPostscripts['nodes'][number],
  self?: string,
): string {
  const exports = Object.entries({ ...environment, ...node.environment }).map(
    ([name, value]) => `${name}=${quoted(value)}; export ${name}`,
  );
  const runs = node.scripts.map(
    ({ name, args, optional }) => `${optional === true ? 'run_if_there' : 'run'} ${quotedLine([name, ...args])}`,
  );
  const override = reportOverride();
  const place =
    override === 'off' || node.reportTo === '' || node.address === ''
      ? undefined
      : (override ?? { host: node.reportTo, port: reportPort });
  const register =
    place === undefined || self === undefined
      ? []
      : [
          `register ${quotedLine([place.host.includes(':') ? `[${place.host}]` : place.host, String(place.port), self])}`,
        ];
  return `# Made by Hostler for ${node.name}. Read by hostleraixpost.\n${[...exports, ...register, ...runs].join('\n')}\n`;
}
