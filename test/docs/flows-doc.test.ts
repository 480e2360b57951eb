/** Flows that people copy are flows that can be published, and the limits they read are the code's. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { builtInBlocks } from '../../processors/execute/blocks/registry.ts'
import { stepTypes } from '../../processors/execute/blocks/step-types.ts'
import { checkFlow } from '../../schemas/flow/compile.ts'
import { RETRY_PRESETS } from '../../schemas/flow/retry.ts'
import { documents, fenced, hereDocuments, ROOT, read } from './documents.ts'

const blocks = builtInBlocks({ now: () => 0, after: () => () => undefined })
afterAll(() => blocks.close())
const types = stepTypes(blocks.blocks)

interface Example {
  readonly name: string
  readonly text: string
}

const numbered = (path: string, texts: readonly string[]): Example[] =>
  texts.map((text, index) => ({ name: `${path} ${index + 1}`, text }))

const yamlBlocks = documents().flatMap((path) => numbered(path, fenced(read(path), 'yaml')))
const isFlow = (text: string): boolean => !/^cases:/m.test(text)
const recipes = documents().flatMap((path) =>
  numbered(path, fenced(read(path), 'sh').flatMap(hereDocuments).filter(isFlow)),
)
const FLOWS = 'load/demo/flows'
const demoFlows = readdirSync(join(ROOT, FLOWS))
  .filter((file) => file.endsWith('.yaml'))
  .map((file) => ({ name: file, text: read(`${FLOWS}/${file}`) }))

describe.each([
  { where: 'YAML blocks of the documents', least: 4, examples: yamlBlocks },
  { where: 'recipes of the documents', least: 2, examples: recipes },
  { where: 'example flows', least: 5, examples: demoFlows },
])('$where', ({ least, examples }) => {
  it('are found', () => {
    expect(examples.length).toBeGreaterThanOrEqual(least)
  })

  it.each(examples)('$name passes', ({ text }) => {
    const checked = checkFlow(text, types)
    expect(checked.ok ? [] : checked.problems).toEqual([])
  })
})

const flowsDocument = read('docs/flows.md')

const rowsUnder = (heading: string): string[][] => {
  const section = flowsDocument.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  const rows = section.split('\n').filter((line) => line.startsWith('| '))
  return rows.map((line) => line.split('|').map((cell) => cell.trim().replaceAll('`', '')))
}

it('names limits where they are', () => {
  const rows = rowsUnder('Limits').slice(1)
  expect(rows.length).toBeGreaterThan(10)
  for (const [, , , place] of rows) {
    const names = place!.split(', ')
    const code = read(names.pop()!)
    for (const name of names) expect(code, place).toContain(name)
  }
})

it('tells every retry preset as it is', () => {
  const seconds = (ms: number): string => (ms < 1000 ? `${ms}ms` : ms < 60_000 ? `${ms / 1000}s` : `${ms / 60_000}m`)
  const told = rowsUnder('Retry').filter(([, name]) => Object.hasOwn(RETRY_PRESETS, name!))
  expect(told.map((row) => row.slice(1, 5))).toEqual(
    Object.entries(RETRY_PRESETS).map(([name, { attempts, baseMs, maxMs }]) => {
      return [name, String(attempts), seconds(baseMs), seconds(maxMs)]
    }),
  )
})

it('shows the smallest flow with the output it says', () => {
  const [smallest] = fenced(flowsDocument, 'yaml')
  const checked = checkFlow(smallest!)
  if (!checked.ok) throw new Error('the smallest flow is refused')
  const scope = { input: null, vars: null, run: { id: '', tenant: '', flow: '', version: 1, startedAt: '' } }
  const { action } = checked.flow.steps[0]!
  if (action.kind !== 'block') throw new Error('the smallest flow waits')
  const output = action.with.render({ ...scope, steps: {} })
  const steps = { greet: { output, status: 'completed', attempts: 1, error: null } }
  expect(checked.flow.output?.render({ ...scope, steps })).toBe('Hello, world!')
})

/** The fields that a refusal of one that there is not says are expected. */
function fieldsExpected(document: string): readonly string[] {
  const checked = checkFlow(document)
  if (checked.ok) throw new Error('a field that there is not was taken')
  const [, listed = ''] = /expected one of (.*)$/.exec(checked.problems[0]!.message) ?? []
  return listed.split(', ')
}

const STEP = 'id: a, type: echo'
/** Names of older documents are told of in a section of their own. */
const olderDocuments = flowsDocument.split('\n## Older documents\n')[1]!.split('\n## ')[0]!

it.each([
  { heading: 'Fields of a flow', document: `flow: f\nsteps: [{ ${STEP} }]\nqqqqqqqq: 1`, least: 12 },
  { heading: 'Fields of a step', document: `flow: f\nsteps: [{ ${STEP}, qqqqqqqq: 1 }]`, least: 10 },
  { heading: 'Retry', document: `flow: f\nsteps: [{ ${STEP}, retry: { qqqqqqqq: 1 } }]`, least: 6 },
])('$heading: every field that is taken is in the table, and no other', ({ heading, document, least }) => {
  const presets = Object.keys(RETRY_PRESETS)
  const told = rowsUnder(heading).flatMap(([, names]) => names!.split(', '))
  const fields = told.filter((name) => !['field', 'setting', 'preset', ...presets].includes(name) && !/^-+$/.test(name))
  const taken = fieldsExpected(document)
  expect(taken.length).toBeGreaterThanOrEqual(least)
  const newer = taken.filter(
    (name) => !new RegExp(`\`(?:\\w+\\.)?${name}\``).test(olderDocuments) || fields.includes(name),
  )
  expect(fields.toSorted()).toEqual(newer.toSorted())
})

it('what it says is not supported yet is refused as that', () => {
  const section = flowsDocument.split('\n## Refused as not supported yet\n')[1]!
  const [, ofFlow = '', ofStep = ''] = /;\s(.*?)\sof a flow;\s(.*?)\sof a step,/s.exec(section) ?? []
  const names = (text: string): string[] => [...text.matchAll(/`(\w+)`/g)].map((found) => found[1]!)
  const refused = (document: string): readonly string[] => {
    const checked = checkFlow(document)
    return checked.ok ? [] : checked.problems.map(({ code }) => code)
  }
  expect(names(ofFlow).length).toBeGreaterThan(2)
  expect(names(ofStep).length).toBeGreaterThan(4)
  for (const name of names(ofFlow))
    expect(refused(`flow: f\nsteps: [{ ${STEP} }]\n${name}: {}`), name).toEqual(['NOT_SUPPORTED_YET'])
  for (const name of names(ofStep))
    expect(refused(`flow: f\nsteps: [{ ${STEP}, ${name}: {} }]`), name).toEqual(['NOT_SUPPORTED_YET'])
})
