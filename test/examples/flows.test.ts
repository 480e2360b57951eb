/** The flows of the examples as they stand, and the cases that are written beside them. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { dryRunner } from '../../wiring/dry-run.ts'
import { ROOT, read } from '../docs/documents.ts'
import { runBeamline } from '../gateway/cli/support.ts'

const dry = dryRunner(null, new AbortController().signal)
afterAll(() => dry.close())

const FOLDER = join(ROOT, 'docs', 'examples')
const files = readdirSync(FOLDER, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.yaml'))
const cases = files.filter((file) => file.endsWith('.test.yaml'))
const flows = files.filter((file) => !cases.includes(file))

it('there are some of each example', () => {
  const folders = readdirSync(FOLDER, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  expect(new Set(flows.map((file) => file.split('/')[0])).size).toBe(folders.length)
  expect(cases.length).toBeGreaterThanOrEqual(4)
})

it.each(flows)('%s is a flow', async (file) => {
  const { code, out } = await runBeamline(['flow', 'check', join(FOLDER, file)])
  expect(out).toContain('is fine')
  expect(code).toBe(0)
})

it.each(cases)('%s goes as it says, and is named where people look', async (file) => {
  const { code, out } = await runBeamline(['flow', 'test', join(FOLDER, file)], { dryRun: dry.run })
  expect(out).toContain('all as expected')
  expect(code).toBe(0)
  expect(read(`docs/examples/${file.split('/')[0]}/README.md`)).toContain(`flow test docs/examples/${file}`)
})
