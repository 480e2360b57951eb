import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { CRASH_FLOW_NAMES, CRASH_FLOWS } from '../../load/crash/flows.ts'
import { expectedItems, flightSubmissions, movieSubmissions } from '../../load/demo/data.ts'
import { checkFlow } from '../../schemas/flow/compile.ts'

const FOLDER = new URL('../../load/demo/flows/', import.meta.url)

test.each(readdirSync(FOLDER))('example %s is a good flow, and named like its file', (file) => {
  const checked = checkFlow(readFileSync(new URL(file, FOLDER)))
  expect(checked).toMatchObject({ ok: true, name: file.replace('.yaml', '') })
})

test('the flows of the crash test are good', () => {
  const names = CRASH_FLOWS.map((source) => {
    const checked = checkFlow(source)
    return checked.ok ? checked.name : checked.problems
  })
  expect(names).toEqual([...new Set(CRASH_FLOW_NAMES)])
})

test('the data of the demo is what the report speaks of', () => {
  const films = movieSubmissions('http://sink', 10_000)
  expect(films).toHaveLength(3201)
  const titles = films.map(({ input }) => (input as { movie: { Title: unknown } }).movie.Title)
  expect(titles.filter((title) => typeof title === 'number')).toHaveLength(9)
  expect(titles.filter((title) => title === null)).toHaveLength(1)
  for (const { input } of films) {
    const { features, candidates } = input as { features: number[]; candidates: { features: number[] }[] }
    for (const row of [features, ...candidates.map((candidate) => candidate.features)]) {
      expect(row).toHaveLength(6)
      expect(row.every((number) => number >= 0 && number <= 1)).toBe(true)
    }
  }
  const flights = flightSubmissions('http://sink', 2000, 40)
  expect(flights).toHaveLength(2000)
  expect(flights.filter(({ input }) => (input as { sink: string }).sink !== 'http://sink')).toHaveLength(40)
  const notices = [...expectedItems(films, flights)].filter((item) => item.endsWith('-notice'))
  expect(notices).toHaveLength(427)
  expect(expectedItems(films, flights).size).toBe(3200 + 2000 + 427)
  const keys = [...films, ...flights].map((submission) => submission.idempotency_key)
  expect(new Set(keys).size).toBe(keys.length)
})
