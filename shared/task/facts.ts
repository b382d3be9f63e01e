/** What a machine is and can do, as its agent found it. Sent with every hello. */
export interface Facts {
  readonly hostname: string;
  /** xCAT's word: x86_64, aarch64, ppc64le ... */
  readonly arch: string;
  readonly os: { readonly id: string; readonly version: string; readonly name: string };
  readonly kernel: string;
  /** Linux: /proc/sys/kernel/random/boot_id; elsewhere drawn at boot time. */
  readonly bootId: string;
  readonly cores: number;
  readonly memoryBytes: number;
  readonly disks: readonly {
    readonly name: string;
    readonly bytes: number;
    readonly model: string;
    readonly serial: string;
  }[];
  readonly nics: readonly {
    readonly name: string;
    readonly mac: string;
    readonly addresses: readonly string[];
    /** Bytes; only where the kernel tells. */
    readonly mtu?: number;
  }[];
  readonly serial: string;
  readonly product: string;
  /** Program name to its version line; only those that were found. */
  readonly tools: Readonly<Record<string, string>>;
  /** Foreign architectures this machine can run (qemu-user-static registered with the kernel). */
  readonly emulates: readonly string[];
  /** A netbooted node: sha256 of the image that the initrd computed itself. */
  readonly imageDigest?: string;
  /** Where this agent's store answers, in StoreAccess form; only with the role store. */
  readonly store?: readonly string[];
  /** Lines that the image left for the report (/opt/hostler/report.d/<name>, first line each); the quickstart's nonce travels here. */
  readonly notes?: Readonly<Record<string, string>>;
}
