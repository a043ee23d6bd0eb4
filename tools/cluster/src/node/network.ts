import { existsSync } from 'node:fs';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { podRange } from '../control-plane-args.ts';
import { runCommand } from '../command.ts';
import { bridge, nodeAddress, podGateway } from './node-config.ts';
import { until } from './until.ts';

const deadlineMs = 10_000;
/** Namespaces of pods, and with them their interfaces, end a while after their last process. */
const vethDeadlineMs = 20_000;

/** Ours, and those that kube-proxy leaves when it ends. */
const tables = ['ip tsgateway-node', 'ip kube-proxy', 'ip6 kube-proxy'];

/** The kernel's settings that the node changes: forwarding (ours, CNI's, kube-proxy's), the others are the kubelet's. */
const sysctls = [
  'net/ipv4/ip_forward',
  'net/ipv4/conf/all/accept_redirects', // changes with forwarding: restored after it
  'vm/overcommit_memory',
  'vm/panic_on_oom',
  'kernel/panic',
  'kernel/panic_on_oops',
  'kernel/keys/root_maxkeys',
  'kernel/keys/root_maxbytes',
];

/** What they are now. Those that this kernel lacks are left out. */
export async function readSysctls(): Promise<Record<string, string>> {
  const there = sysctls.filter((name) => existsSync(`/proc/sys/${name}`));
  const values = await Promise.all(there.map((name) => readFile(`/proc/sys/${name}`, 'utf8')));
  return Object.fromEntries(there.map((name, i) => [name, values[i]?.trim() ?? '']));
}

/** Writes them back, in the order that they were read in. */
export async function restoreSysctls(values: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, value] of Object.entries(values)) await writeFile(`/proc/sys/${name}`, value);
}

/** A bridge with the node's address, and pods that reach the outside by the machine's. */
export async function createNetwork(signal: AbortSignal): Promise<void> {
  const run = (...command: string[]) => runCommand(command, { deadlineMs, signal });
  await run('ip', 'link', 'add', bridge, 'type', 'bridge');
  for (const address of [podGateway, `${nodeAddress}/32`]) await run('ip', 'addr', 'add', address, 'dev', bridge);
  await run('ip', 'link', 'set', bridge, 'up');
  await writeFile('/proc/sys/net/ipv4/ip_forward', '1');
  await run(
    'nft',
    `table ip tsgateway-node {
      chain postrouting {
        type nat hook postrouting priority srcnat;
        ip saddr ${podRange} oifname != "${bridge}" masquerade
      }
    }`,
  );
}

/** After the pods have ended. Tolerates the absence of anything. */
export async function removeNetwork(): Promise<void> {
  const ports = `/sys/class/net/${bridge}/brif`;
  if (existsSync(ports)) {
    const what = `the interfaces of pods on ${bridge} go`;
    await until(async () => (await readdir(ports)).length === 0, { what, deadlineMs: vethDeadlineMs });
    await runCommand(['ip', 'link', 'delete', bridge], { deadlineMs });
  }
  const there = (await runCommand(['nft', 'list', 'tables'], { deadlineMs })).split('\n');
  for (const table of tables) {
    if (there.includes(`table ${table}`)) await runCommand(['nft', `delete table ${table}`], { deadlineMs });
  }
}
