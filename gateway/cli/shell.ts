/** What a command works with: the server, where to write, and how. */
import { readFile } from 'node:fs/promises'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { type Api, createApi } from './api.ts'
import { CliError, EXIT } from './cli-error.ts'
import type { CliDependencies } from './dependencies.ts'

/** Where a server is if nothing else is said. */
export const DEFAULT_URL = 'http://127.0.0.1:8080'

export interface Shell extends CliDependencies {
  readonly api: Api
  readonly json: boolean
  /** The value as JSON with `--json`, else the text. */
  print(value: unknown, text: string): void
  /** Sets the exit code of a command that went through, e.g. of a check that found something. */
  exitWith(code: number): void
}

export interface GlobalOptions {
  readonly url?: string
  readonly tenant?: string
  readonly json?: boolean
}

/** @throws {CliError} for an address that is none */
export function shellFor(command: Command, dependencies: CliDependencies, exitWith: (code: number) => void): Shell {
  const { url, tenant, json = false } = command.optsWithGlobals<GlobalOptions>()
  const address = url ?? dependencies.variables.BEAMLINE_URL ?? DEFAULT_URL
  if (!/^https?:\/\//.test(address) || !URL.canParse(address)) {
    throw new CliError(EXIT.usage, `'${address}' is no address; expected one such as ${DEFAULT_URL}`)
  }
  return {
    ...dependencies,
    api: createApi(address, tenant ?? dependencies.variables.BEAMLINE_TENANT ?? null),
    json,
    print: (value, text) => void dependencies.stdout.write(`${json ? JSON.stringify(value) : text}\n`),
    exitWith,
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
