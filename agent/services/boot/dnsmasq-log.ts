/** What dnsmasq's log (`log-dhcp`) tells about machines. */
export type DhcpNews =
  | { readonly what: 'lease'; readonly mac: string; readonly ip: string; readonly firmware: boolean }
  | { readonly what: 'ignored'; readonly mac: string; readonly reason: string };

const mostTransactions = 4096;

/**
 * Reads the lines one by one. Lines of one DHCP transaction carry its number; the client's classes come before the
 * answer, so a lease is known to be for firmware or iPXE (`PXEClient`, `HTTPClient`, `iPXE`) when it is given.
 */
export class DnsmasqLog {
  readonly #firmware = new Set<string>();

  line(line: string): DhcpNews | undefined {
    const dhcp = /dnsmasq-dhcp(?:\[\d+\])?: (?:(\d+) )?(.*)$/.exec(line);
    if (!dhcp) return undefined;
    const [, transaction = '', text = ''] = dhcp;
    if (/^(?:vendor class: (?:PXEClient|HTTPClient)|user class: .*iPXE)/.test(text)) {
      if (this.#firmware.size >= mostTransactions) this.#firmware.clear();
      this.#firmware.add(transaction);
      return undefined;
    }
    const ack = /^DHCPACK\([^)]*\) (\d+\.\d+\.\d+\.\d+) ([0-9a-f:]{17})/.exec(text);
    if (ack) {
      const [, ip = '', mac = ''] = ack;
      return { what: 'lease', ip, mac, firmware: this.#firmware.delete(transaction) };
    }
    const ignored =
      /^DHCP(?:DISCOVER|REQUEST)\([^)]*\) (?:\d+\.\d+\.\d+\.\d+ )?([0-9a-f:]{17}) (ignored|no address available)/.exec(
        text,
      );
    if (!ignored) return undefined;
    const [, mac = '', reason = ''] = ignored;
    this.#firmware.delete(transaction);
    return { what: 'ignored', mac, reason };
  }
}
