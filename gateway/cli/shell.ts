/** What a command works with: the server, where to write, and how. */
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { type Api, createApi } from './api.ts'
import { CliError, EXIT } from './cli-error.ts'
import type { CliDependencies } from './dependencies.ts'
import { clean, type Look, lookOf } from './look.ts'

/** Where a server is if nothing else is said. */
export const DEFAULT_URL = 'http://127.0.0.1:8080'

export interface Shell extends CliDependencies {
  /** Of the server. */
  readonly address: string
  readonly api: Api
  readonly json: boolean
  /** Only what a script needs, an item a line. */
  readonly quiet: boolean
  readonly look: Look
  /** The value as JSON with `--json`, with `--quiet` only `ids`, else the text. */
  print(value: unknown, text: string, ids?: readonly string[]): void
  /** Sets the exit code of a command that went through, e.g. of a check that found something. */
  exitWith(code: number): void
}

export interface GlobalOptions {
  readonly url?: string
  readonly tenant?: string
  readonly json?: boolean
  readonly quiet?: boolean
}

/** @throws {CliError} for an address that is none */
export function shellFor(command: Command, dependencies: CliDependencies, exitWith: (code: number) => void): Shell {
  const { url, tenant, json = false, quiet = false } = command.optsWithGlobals<GlobalOptions>()
  const address = url ?? dependencies.variables.BEAMLINE_URL ?? DEFAULT_URL
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw new CliError(EXIT.usage, `'${address}' is no address; expected one such as ${DEFAULT_URL}`)
  }
  return {
    ...dependencies,
    address,
    api: createApi(address, tenant ?? dependencies.variables.BEAMLINE_TENANT ?? null),
    json,
    quiet,
    look: lookOf(dependencies.stdout, dependencies.variables),
    print(value, text, ids = []) {
      const lines = json ? [JSON.stringify(value)] : quiet ? ids : [text]
      for (const line of lines) dependencies.stdout.write(`${line}\n`)
    },
    exitWith,
  }
}

/** What a flag gave as JSON. @param or what may be given instead of the flag @throws {CliError} */
export function jsonOf(what: string, text: string, or = ''): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new CliError(
      EXIT.usage,
      `the ${what} is not JSON: ${clean((error as Error).message)}`,
      `For example: --${what} '{"n": 1}'${or}`,
    )
  }
}

/** The contents of a file, or of standard input for `-`. @throws {CliError} */
export async function readInput({ stdin }: Shell, file: string): Promise<Buffer> {
  if (file === '-') return buffer(stdin)
  return readFile(file).catch((error: unknown) => {
    throw unreadable(file, error)
  })
}

const REASONS: { readonly [code: string]: string } = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder; expected a file',
  EACCES: 'permission denied',
}

export function unreadable(file: string, error: unknown): CliError {
  const { code, message } = error as NodeJS.ErrnoException
  const reason = REASONS[code ?? ''] ?? code ?? message
  return new CliError(EXIT.failed, `cannot read ${file}: ${reason}`, 'Check the path; `-` reads standard input.')
}

/** Resolves after so long, or at once when the command is to end. */
export function pause(
  { environment, interrupted }: Pick<Shell, 'environment' | 'interrupted'>,
  ms: number,
): Promise<void> {
  if (interrupted.aborted) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  const cancel = environment.after(ms, resolve)
  const end = (): void => {
    cancel()
    resolve()
  }
  interrupted.addEventListener('abort', end, { once: true })
  return promise.finally(() => interrupted.removeEventListener('abort', end))
}
