/** Runs commands in this process, with what they write collected. */
import { Readable } from 'node:stream'
import { realEnvironment } from '../../../connectors/environment.ts'
import { runCli } from '../../../gateway/cli/cli.ts'
import type { CliDependencies } from '../../../gateway/cli/dependencies.ts'

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

export const unused = async (): Promise<never> => {
  throw new Error('not for these commands')
}

const UNUSED: Omit<CliDependencies, 'stdout' | 'stderr'> = {
  version: '1.2.3',
  environment: realEnvironment,
  variables: {},
  stdin: Readable.from([]),
  interrupted: new AbortController().signal,
  startNode: unused,
  manageTopics: unused,
  verify: unused,
  dryRun: unused,
  backUp: unused,
  restore: unused,
  inspectFolder: () => ({ kind: 'none' }),
  checkSettings: () => {},
  profile: unused,
  runScript: unused,
}

export async function runBeamline(args: readonly string[], overrides: Partial<CliDependencies> = {}): Promise<Ran> {
  const written = { out: '', err: '' }
  const code = await runCli(args, {
    ...UNUSED,
    stdout: { write: (text) => (written.out += text) },
    stderr: { write: (text) => (written.err += text) },
    ...overrides,
  })
  return { code, ...written }
}
