import { existsSync } from 'node:fs'
import { expect } from 'vitest'
import { type Example, playExample } from '../../load/examples/example.ts'
import type { Stage } from '../../load/examples/stage.ts'
import { findPostgres } from '../../load/postgres/find-postgres.ts'

/** Whether this machine has PostgreSQL. With `CI=true` it must. */
export const withPostgres = await hasPostgres()

async function hasPostgres(): Promise<boolean> {
  if ((await findPostgres()) !== null) return true
  if (process.env['CI'] === 'true') throw new Error('the examples want initdb and postgres on this machine')
  console.warn('*** SKIPPED: examples with PostgreSQL: there is none ***')
  return false
}

export interface Played<R> {
  readonly result: R
  /** All that a person would have read. */
  readonly said: string
}

/** Plays an example to its end; `look` while everything still runs. Nothing may be left behind. */
export async function play<R>(
  example: Example<R>,
  options: { readonly look?: (stage: Stage) => Promise<void>; readonly env?: NodeJS.ProcessEnv } = {},
): Promise<Played<R>> {
  const said: string[] = []
  let folder = ''
  const result = await playExample(example, {
    say: (text) => said.push(text),
    env: options.env ?? {},
    afterwards: async (stage) => {
      folder = stage.folder
      await options.look?.(stage)
    },
  })
  expect(existsSync(folder)).toBe(false)
  return { result, said: said.join('\n') }
}
