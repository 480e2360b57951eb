import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { buildCli } from '../../../gateway/cli/cli.ts'
import type { CliDependencies } from '../../../gateway/cli/dependencies.ts'
import { EXAMPLES, leavesOf, pathOf } from '../../../gateway/cli/examples.ts'
import { cliReference } from '../../../gateway/cli/reference.ts'
import { runBeamline } from './support.ts'

const silent = { write: () => {} }
const program = buildCli({ stdout: silent, stderr: silent, version: '0' } as unknown as CliDependencies, () => {})
const commands = leavesOf(program).map(pathOf)

it('docs/cli.md is what the commands say of themselves', () => {
  // to bring it up to date: node -e "import('./gateway/cli/reference.ts').then((m) => process.stdout.write(m.cliReference()))" > docs/cli.md
  const written = readFileSync(new URL('../../../docs/cli.md', import.meta.url), 'utf8')
  expect(written).toBe(cliReference())
})

it('there are examples of every command, and of no other', () => {
  expect(Object.keys(EXAMPLES).toSorted()).toEqual(commands.toSorted())
})

it.each(commands.filter((path) => !['demo', 'bench', 'simulate'].includes(path)))('%s --help has one', async (path) => {
  const { code, out } = await runBeamline([...path.split(' '), '--help'])
  expect(code).toBe(0)
  expect(out).toMatch(/\nExamples?:\n {2}\$ /)
  expect(out).toContain(EXAMPLES[path]![0])
})
