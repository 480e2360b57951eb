/**
 * Ends processes, and removes a folder, when this process is gone, however it went: a small shell in a session of its own reads the list from a pipe
 * and acts at the pipe's end.
 */
import { spawn } from 'node:child_process'

const SCRIPT = `
pids=
while read -r sign pid; do
  if [ "$sign" = + ]; then pids="$pids $pid "; else pids=$(printf %s "$pids" | sed "s/ $pid / /"); fi
done
[ -z "$(printf %s "$pids" | tr -d ' ')" ] || kill -9 $pids 2>/dev/null
[ -z "$1" ] || { sleep 0.2; rm -rf "$1"; }
`

export interface Warden {
  watch(pid: number): void
  /** The process has ended, its id may be another's soon. */
  forget(pid: number): void
  /** Ends what is still watched. */
  close(): void
}

/** `folder` is removed at the end; `null`: none. */
export function startWarden(folder: string | null): Warden {
  const child = spawn('sh', ['-c', SCRIPT, 'warden', folder ?? ''], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.stdin.on('error', () => {})
  child.unref()
  return {
    watch: (pid) => void child.stdin.write(`+ ${pid}\n`),
    forget: (pid) => void child.stdin.write(`- ${pid}\n`),
    close: () => void child.stdin.end(),
  }
}
