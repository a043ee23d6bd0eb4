/**
 * The command, in a mount namespace of its own, where all that it writes to these system folders goes to memory. So its mounts end
 * with its last process, however that ends, and what programs leave in fixed places (shim sockets, CNI's results, locks) never
 * reaches the machine.
 * @param memory an empty folder, outside the system folders
 */
export function withOwnMounts(memory: string, command: readonly string[]): string[] {
  return ['unshare', '--mount', '--propagation', 'private', '--', 'sh', '-ec', script, 'sh', memory, ...command];
}

const script = `memory=$1; shift
mount -t tmpfs -o mode=755 tmpfs "$memory"
for folder in etc run var/lib var/log; do
  [ -d "/$folder" ] || continue
  mkdir -p "$memory/$folder/upper" "$memory/$folder/work"
  mount -t overlay -o "lowerdir=/$folder,upperdir=$memory/$folder/upper,workdir=$memory/$folder/work" overlay "/$folder"
done
mount --make-rshared /
exec "$@"`;

/** The command, among the mounts that a process made with `withOwnMounts` has. */
export function withMountsOf(pid: number, command: readonly string[]): string[] {
  return ['nsenter', `--mount=/proc/${pid}/ns/mnt`, '--', ...command];
}
