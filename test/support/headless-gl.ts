/** Headless OpenGL for tests: the package `gl`, which scripts/test-gl builds, on an X server of its own that shows nothing. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'

const MODULES = join(
  process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'),
  'beamline',
  `gl-9.0.0-rc.10-abi${process.versions.modules}`,
  'node_modules',
)

/** What is missing for it; `null` if nothing is. */
export function headlessGlLacks(): string | null {
  if (!existsSync(MODULES)) return `the package gl in ${MODULES}`
  return spawnSync('Xvfb', ['-help'], { stdio: 'ignore' }).error === undefined ? null : 'Xvfb'
}

/** Starts the X server and tells processes that are started from now on of both; resolves with what takes that back. */
export async function offerHeadlessGl(): Promise<() => Promise<void>> {
  const { NODE_PATH, DISPLAY } = process.env
  const server = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '64x64x24', '-nolisten', 'tcp'], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  })
  let said = ''
  server.stderr?.on('data', (part: Buffer) => {
    said = `${said}${part}`.slice(-2_000)
  })
  const ended = once(server, 'exit')
  const number = await Promise.race([
    once(server.stdio[3] as Readable, 'data').then(([text]) => String(text).trim()),
    ended.then(([code, signal]) => Promise.reject(new Error(`Xvfb ended with ${code ?? signal}: ${said}`))),
  ])
  process.env['DISPLAY'] = `:${number}`
  process.env['NODE_PATH'] = MODULES
  return async () => {
    restore({ NODE_PATH, DISPLAY })
    server.kill()
    await ended
  }
}

function restore(variables: { readonly [name: string]: string | undefined }): void {
  for (const [name, value] of Object.entries(variables)) {
    if (value === undefined) delete process.env[name]
    else process.env[name] = value
  }
}
