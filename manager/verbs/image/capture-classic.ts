import { isIpv4 } from '../../../shared/boot/address.ts';
import { captureClassicKind, type CaptureClassicSpec } from '../../../shared/task/capture-classic.ts';
import type { Asked } from '../../../shared/verb/asked.ts';
import type { Json, Report } from '../../../shared/verb/effect.ts';
import { end, type Step } from '../../../shared/verb/verb.ts';
import { refusal } from './description.ts';

/** `imgcapture NODE --classic ADDRESS`: a real si_getimage fetches the node, once. */
export interface ClassicState {
  readonly classic: true;
  readonly server: string;
  readonly node: string;
  readonly [key: string]: Json;
}

export function isClassicState(state: { readonly [key: string]: Json }): state is ClassicState {
  return state['classic'] === true;
}

/** Seconds that the port is open at most. */
const open = 6 * 3600;

export function beginClassic(asked: Asked, node: string, address: string): Step<ClassicState | null> {
  if (!isIpv4(address))
    return end(
      refusal(asked.server, `'${address}' is no IPv4 address: name the machine on which si_getimage will run.`),
    );
  const spec: CaptureClassicSpec = { server: address, port: 873 };
  const text =
    `${node} answers ${address} on port 873, unencrypted, until all was fetched once. Run there:\n` +
    `si_getimage -golden-client ${node} -image IMAGE -ip-assignment dhcp -post-install reboot -quiet -update-script YES\n`;
  return {
    state: { classic: true, server: asked.server, node },
    effects: [
      { do: 'say', text },
      {
        do: 'run',
        task: {
          key: 'classic',
          kind: captureClassicKind,
          title: `Let SystemImager on ${address} fetch ${node}`,
          on: { agent: node },
          spec: { ...spec },
          deadline: open,
        },
      },
    ],
  };
}

export function classicHeard(state: ClassicState, report: Report): Step<null> {
  if (report.about !== 'task' || report.outcome !== 'done') {
    const why = 'message' in report ? report.message : 'it was broken off';
    return end(refusal(state.server, `Can not prepare Golden Client on ${state.node}.\n${why}`));
  }
  return end(
    { do: 'say', text: `All of ${state.node} was fetched, and the port is closed again.\n` },
    { do: 'done', exit: 0 },
  );
}
