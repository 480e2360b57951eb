/** The tour, the recipes and the how-to pages, typed as they are written, against the real process. */
import { afterEach, describe, expect, it } from 'vitest'
import { EXAMPLES } from '../../gateway/cli/examples.ts'
import { documents, read } from './documents.ts'
import { type Block, blocksOf, missingLine, Terminal } from './terminal.ts'

let terminal: Terminal | null = null
afterEach(async () => {
  await terminal?.close()
  terminal = null
})

async function typeAll(blocks: readonly Block[]): Promise<void> {
  terminal = await Terminal.open()
  for (const block of blocks) {
    if (block.manner === 'elsewhere') continue
    if (block.kind === 'sh') await terminal.type(block)
    else await terminal.compare(block)
  }
}

it('docs/tour.md is what happens', async () => {
  const blocks = blocksOf(read('docs/tour.md'))
  expect(blocks.length).toBeGreaterThan(20)
  expect(blocks.filter(({ manner }) => manner === 'elsewhere')).toEqual([])
  await typeAll(blocks)
})

/** They find a server that runs, and nothing else. */
const PAGES = [
  'README.md',
  'docs/write-a-flow.md',
  'docs/limits.md',
  'docs/migrate.md',
  'docs/troubleshooting.md',
  'docs/bulk-operations.md',
]
const server: Block = { kind: 'sh', manner: 'server', text: 'npm start\n', line: 0 }

it.each(PAGES)('%s is what happens', async (page) => {
  const blocks = blocksOf(read(page))
  expect(blocks.some(({ manner }) => manner !== 'elsewhere')).toBe(true)
  await typeAll([server, ...blocks])
})

/** Their snippets need other programs, and are run by `readme-kafka.test.ts`, `test/foreign/`, `end-to-end/api-examples.test.ts`, and for GPUs by `scripts/test-gl` and the tests of kernels. */
const ELSEWHERE = ['docs/api.md', 'docs/gpu.md', 'docs/kafka.md', 'docs/kafka-processes.md', 'docs/schemas.md']

it('no page with commands is left out', () => {
  const pages = documents().filter((page) => blocksOf(read(page)).some(({ kind }) => kind === 'sh'))
  expect(pages.toSorted()).toEqual(['docs/tour.md', ...PAGES, ...ELSEWHERE].toSorted())
})

const STOP = 'kill $(cat data/owner)\nwhile kill -0 $(cat data/owner) 2> /dev/null; do sleep 0.1; done\n'

it('examples of the help that need a process or a folder of their own', async () => {
  const examples = (...commands: readonly string[]): readonly Block[] =>
    commands.flatMap((command) => EXAMPLES[command]!.map((text) => typed(`${text}\n`)))
  const typed = (text: string): Block => ({ kind: 'sh', manner: 'typed', text, line: 0 })
  const [start] = EXAMPLES.start!
  await typeAll([
    { kind: 'sh', manner: 'server', text: `${start}\n`, line: 0 },
    ...examples('blocks show', 'doctor', 'backup', 'restore'),
    typed('ls slow.cpuprofile restored/log.db\n'),
    typed(STOP),
    ...examples('verify', 'bench', 'simulate'),
  ])
})

describe('what is compared', () => {
  const output = 'a1  one  thing\nnoise\nb2 two (things)\n'
  it.each([
    { shown: 'a… one thing', missing: null },
    { shown: 'a1 one thing\n\nb2 two (things)', missing: null },
    { shown: 'b2 …\na1 …', missing: 'a1 …' },
    { shown: 'one thing', missing: 'one thing' },
    { shown: 'b2 two .things.', missing: 'b2 two .things.' },
  ])('$shown', ({ shown, missing }) => {
    expect(missingLine(output, shown)).toBe(missing)
  })

  it('a word after sh that means nothing is refused', () => {
    expect(() => blocksOf('text\n```sh sometimes\nls\n```\n')).toThrow("line 2: unknown word 'sometimes'")
  })

  it('a command that fails, one that should and does not, and a line that did not come are told', async () => {
    const block = (manner: Block['manner'], text: string): Block => ({ kind: 'sh', manner, text, line: 7 })
    terminal = await Terminal.open()
    await expect(terminal.type(block('typed', 'echo so far\nls no-such-file\n'))).rejects.toThrow('line 7: it failed')
    await expect(terminal.type(block('fails', 'true\n'))).rejects.toThrow('line 7: it did not fail')
    await terminal.type(block('typed', 'name=Ada\n'))
    await terminal.type(block('typed', 'echo hello $name\n'))
    await terminal.compare({ kind: 'text', manner: 'typed', text: 'hello Ada\n', line: 9 })
  })
})
