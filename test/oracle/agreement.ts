import type { Answer, Case } from './cases.ts';

/** The recorded server's short name; ours is put in its place before comparing, and the other way round. */
export const recordedServer = 'xcatmn';

/** Whether an answer is one that the case accepts. `server` is our short host name. */
export function agrees(recorded: Case, answer: Answer, server: string): boolean {
  if (answer.rc !== recorded.expected.rc && !(recorded.match === 'varies' && answer.rc === recorded.alternative?.rc)) {
    return false;
  }
  if (recorded.match === 'rc' || isUsage(recorded)) return true;
  const ours = neutral(answer, server);
  const accepted = recorded.alternative === undefined ? [recorded.expected] : [recorded.expected, recorded.alternative];
  return accepted.some((wanted) => {
    const theirs = neutral(wanted, recordedServer);
    if (recorded.match === 'order') {
      return unordered(ours.stdout) === unordered(theirs.stdout) && unordered(ours.stderr) === unordered(theirs.stderr);
    }
    return ours.rc === theirs.rc && ours.stdout === theirs.stdout && ours.stderr === theirs.stderr;
  });
}

/** Usage texts count by exit code alone, also those that do not begin with the word. */
function isUsage({ cmd, expected }: Case): boolean {
  const [command = ''] = cmd.split(' ', 1);
  const [word, next = ''] = expected.stdout.trimStart().split(' ', 2);
  return word === command && /^[-[<]/.test(next);
}

function neutral(answer: Answer, server: string): Answer {
  const clean = (text: string): string =>
    text.replaceAll(`[${server}]`, '[SERVER]').replaceAll(new RegExp(`(?<![\\w.-])${server}(?=: )`, 'g'), 'SERVER');
  return { rc: answer.rc, stdout: clean(answer.stdout), stderr: clean(answer.stderr) };
}

/** The same lines in any order, and within a line the same items in any order. */
function unordered(text: string): string {
  return text
    .split('\n')
    .map((line) => line.split(/[ ,=]/).sort().join(' '))
    .sort()
    .join('\n');
}
