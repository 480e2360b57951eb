/** `docs/errors.md`: is it current, and does it have every code that people can meet? */
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { errorReference } from '../../gateway/error-reference.ts'
import { ROOT, read } from '../docs/documents.ts'

it('docs/errors.md is what the tables say', () => {
  // to bring it up to date: node -e "import('./gateway/error-reference.ts').then((m) => process.stdout.write(m.errorReference()))" > docs/errors.md
  expect(read('docs/errors.md')).toBe(errorReference())
})

/** Upper snake case, and no codes: names of variables, levels of compatibility, what only tests of flows say. */
const NO_CODES = /^(BEAMLINE_|NOT_MOCKED$|(FULL|FORWARD|BACKWARD)_TRANSITIVE$|SIGTERM)/
const SOURCES = [
  'gateway',
  'schemas/flow',
  'schemas/codec',
  'processors',
  'topology/task',
  'topology/executor',
  'topology/log',
]
/** Blocks have a page of their own, the Kafka client's codes are Kafka's. */
const ELSEWHERE = ['processors/execute/blocks']

function filesUnder(folder: string): readonly string[] {
  return readdirSync(join(ROOT, folder)).flatMap((name) => {
    const path = `${folder}/${name}`
    if (ELSEWHERE.includes(path)) return []
    return statSync(join(ROOT, path)).isDirectory() ? filesUnder(path) : path.endsWith('.ts') ? [path] : []
  })
}

it('every code of the sources is on a page', () => {
  const pages = ['docs/errors.md', 'docs/flows.md', 'docs/blocks.md'].map(read).join('\n')
  const found = SOURCES.flatMap(filesUnder).flatMap((file) =>
    [...read(file).matchAll(/'([A-Z]{2,}(?:_[A-Z]+)+)'/g)].map((match) => ({ code: match[1]!, file })),
  )
  const codes = found.filter(({ code }) => !NO_CODES.test(code))
  expect(codes.length).toBeGreaterThan(100)
  expect(codes.filter(({ code }) => !pages.includes(`\`${code}\``))).toEqual([])
})
