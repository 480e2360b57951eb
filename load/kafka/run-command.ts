import { spawn } from 'node:child_process'

export interface CommandResult {
  /** `null` if the command was ended by a signal. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly stdin?: string | Uint8Array
  /** Ended with SIGKILL after so long. Default 180,000. */
  readonly timeoutMs?: number
  readonly env?: NodeJS.ProcessEnv
}

/** Runs a command to its end. @throws if it cannot be started */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  const { promise, resolve, reject } = Promise.withResolvers<CommandResult>()
  const child = spawn(command, args, { env: options.env ?? process.env, stdio: ['pipe', 'pipe', 'pipe'] })
  const late = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 180_000)
  const parts = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  child.stdout.on('data', (chunk: Buffer) => parts.stdout.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => parts.stderr.push(chunk))
  child.on('error', (error) => {
    clearTimeout(late)
    reject(error)
  })
  child.on('close', (code) => {
    clearTimeout(late)
    resolve({ code, stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() })
  })
  // a command that ends without reading its input is no failure
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin ?? '')
  return promise
}
