/** Clients that are not ours. Where one cannot be had its tests are skipped with a loud line; with `CI=true` they fail. */
import { mkdir } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { type CommandResult, runCommand } from '../../load/kafka/run-command.ts'

const CLIENT = join(import.meta.dirname, 'client')
const BUILD_WITHIN_MS = 300_000

/** The Go client, built into the user's cache; `null` without Go. @throws if it cannot be built */
export async function goClient(): Promise<string | null> {
  if (!(await runs('go', 'version'))) return missing('Go')
  const folder = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'beamline', 'foreign-client')
  await mkdir(folder, { recursive: true })
  const path = join(folder, 'client')
  const built = await runCommand('go', ['build', '-C', CLIENT, '-o', path, '.'], { timeoutMs: BUILD_WITHIN_MS })
  if (built.code !== 0) throw new Error(`go build in ${CLIENT} ended with ${built.code}:\n${built.stderr}`)
  return path
}

/** `null` without kcat. */
export async function kcat(): Promise<string | null> {
  return (await runs('kcat', '-V')) ? 'kcat' : missing('kcat (Debian: apt-get install kcat)')
}

/** A Python with these modules: `BEAMLINE_TEST_PYTHON`, else `python3`; `null` if it lacks one. Not asked for where `CI=true`. */
export async function python(modules: readonly string[]): Promise<string | null> {
  const command = process.env['BEAMLINE_TEST_PYTHON'] || 'python3'
  const found = await runCommand(command, ['-c', `import ${modules.join(', ')}`]).then(
    ({ code }) => code === 0,
    () => false,
  )
  if (found) return command
  console.warn(`*** SKIPPED: tests with Python: ${command} with the modules ${modules.join(', ')} is not there ***`)
  return null
}

/** Output of a command that must end well. */
export async function output(command: string, args: readonly string[], stdin?: string): Promise<string> {
  const result = await runCommand(command, args, { timeoutMs: 90_000, ...(stdin === undefined ? {} : { stdin }) })
  return succeeded(result)
}

export function succeeded({ code, stdout, stderr }: CommandResult): string {
  if (code === 0) return stdout
  throw new Error(`the command ended with ${code}:\n${stdout}${stderr}`)
}

async function runs(command: string, argument: string): Promise<boolean> {
  return runCommand(command, [argument]).then(
    ({ code }) => code === 0,
    () => false,
  )
}

function missing(what: string): null {
  if (process.env['CI'] === 'true') throw new Error(`tests with foreign clients want ${what}, which is not there`)
  console.warn(`*** SKIPPED: tests with foreign clients: no ${what} ***`)
  return null
}
