/**
 * Builds the k6 of the load tests: k6 1.8.1 with our modules (`xk6/`). The binary is kept in the user's cache under a hash of its sources, so that it is built once
 * (about a minute and a half the first time, when its sources are fetched).
 */
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)

const SOURCES = fileURLToPath(new URL('xk6/', import.meta.url))
/** As `go.mod` says. */
const GO_NEEDED = [1, 26] as const
const BUILD_WITHIN_MS = 15 * 60_000
const GO_ANSWERS_WITHIN_MS = 20_000

/** Why there is no k6 and how to get one. */
export class NoK6 extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NoK6'
  }
}

/** Where the binary is once it is built. */
export function k6File(): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(SOURCES).sort()) hash.update(`${name}\0`).update(readFileSync(join(SOURCES, name)))
  hash.update(`${process.platform}-${process.arch}`)
  const cache = process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache')
  const file = process.platform === 'win32' ? 'k6.exe' : 'k6'
  return join(cache, 'beamline', `k6-${hash.digest('hex').slice(0, 16)}`, file)
}

/** The path of the binary, built if it is not there. @throws {NoK6} */
export async function buildK6(say: (text: string) => void = () => {}): Promise<string> {
  const file = k6File()
  if (existsSync(file)) return file
  await checkGo()
  say('building k6 with the modules of the load tests (once; a minute or two)')
  mkdirSync(dirname(file), { recursive: true })
  // another process may build at the same time: each has its own, and the last one stays
  const unfinished = `${file}.${process.pid}`
  try {
    await run('go', ['build', '-trimpath', '-o', unfinished, '.'], {
      cwd: SOURCES,
      timeout: BUILD_WITHIN_MS,
      maxBuffer: 64 << 20,
    })
    renameSync(unfinished, file)
  } catch (error) {
    rmSync(unfinished, { force: true })
    const { stderr = '' } = error as { readonly stderr?: string }
    throw new NoK6(`k6 could not be built in ${SOURCES}:\n${stderr.slice(-2000) || (error as Error).message}`, {
      cause: error,
    })
  }
  return file
}

async function checkGo(): Promise<void> {
  const needed = GO_NEEDED.join('.')
  const advice = `the load tests need Go ${needed} or newer to build k6 with their modules: install it from https://go.dev/dl and have 'go' on the PATH`
  const { stdout } = await run('go', ['version'], { timeout: GO_ANSWERS_WITHIN_MS }).catch((error: unknown) => {
    throw new NoK6(`'go' was not found; ${advice}`, { cause: error })
  })
  const [, major = 0, minor = 0] = /go(\d+)\.(\d+)/.exec(stdout)?.map(Number) ?? []
  if (major > GO_NEEDED[0] || (major === GO_NEEDED[0] && minor >= GO_NEEDED[1])) return
  throw new NoK6(`'go version' says ${stdout.trim()}; ${advice}`)
}

if (import.meta.main) {
  try {
    console.log(await buildK6((text) => console.error(text)))
  } catch (error) {
    if (!(error instanceof NoK6)) throw error
    console.error(error.message)
    process.exitCode = 2
  }
}
